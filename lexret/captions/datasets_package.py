"""Pictures with captions from the optional package ``datasets``: a hub name or a saved folder."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Final, final

from PIL import Image

from lexret.captions.caption_set import captions_fingerprint, check_captions
from lexret.errors import ImageError, InputError, MissingError, MissingPackageError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image, read_picture

IMAGE_COLUMN: Final = "image"
CAPTION_COLUMNS: Final = ("captions", "caption", "sentences", "text")
_NUMBERED = re.compile(r"caption_\d+")
_SAVED: Final = ("dataset_dict.json", "state.json")


@final
class DatasetCaptions:
    """Split of a data set; implements :class:`~lexret.captions.caption_set.CaptionSet`."""

    def __init__(
        self,
        images: Any,
        captions: Sequence[tuple[str, ...]],
        *,
        split: str,
        image_column: str = IMAGE_COLUMN,
    ) -> None:
        self._images, self._column = images, image_column
        self._captions = tuple(captions)
        self._split = split

    def __len__(self) -> int:
        return len(self._captions)

    def name(self, i: int) -> str:
        """The split and the row's number, such as ``test[7]``."""
        return f"{self._split}[{i}]"

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of row ``i``."""
        return self._captions[i]

    def by_template(self, i: int) -> bool:
        """Return False: the package does not say how captions were made."""
        return False

    def objects(self, i: int) -> Mapping[str, float]:
        """Return no things: none are outlined."""
        return {}

    def image(self, i: int) -> Image.Image:
        """Read the picture of row ``i``."""
        cell = self._images[i][self._column] or {}
        if cell.get("bytes") is not None:
            stream = BytesIO(cell["bytes"])
            return read_picture(stream, self.name(i), min_side=ENCODING_MIN_SIDE).image
        if not cell.get("path"):
            raise ImageError(f"{self.name(i)} holds no picture.", reason="no picture")
        return open_image(Path(cell["path"]), min_side=ENCODING_MIN_SIDE)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over names and captions."""
        return captions_fingerprint((self.name(i), texts) for i, texts in enumerate(self._captions))


def open_dataset(source: str) -> DatasetCaptions:
    """Open ``NAME[:SPLIT][?COLUMNS]``: a hub name, or a folder that ``save_to_disk`` wrote.

    Pictures stand in the column ``image``; captions in ``captions``, ``caption``, ``sentences`` or
    ``text`` (a list of texts or one text a row), or in ``caption_0``, ``caption_1`` and so on.
    COLUMNS names others: ``?image=jpg&captions=alt_text`` or ``?captions=short,long``.

    Raises:
        MissingPackageError: if the package ``datasets`` is not installed.
        MissingError: if there is no such data set.
        InputError: if the split or the columns do not fit; the message names those found.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingPackageError(
            f"Reading datasets:{source} needs the package datasets: pip install 'lexret[datasets]'"
        ) from error
    source, chosen = _cut_columns(source)
    name, split = (source, "") if Path(source).is_dir() else _cut(source)
    if not name:
        raise InputError("No data set is named; expected datasets:NAME or datasets:NAME:SPLIT.")
    rows, split = _load(name, split)
    _require_image_column(rows, name, chosen.image, datasets.Image)
    captions = _read_captions(rows, f"datasets:{name}", chosen.captions)
    if not captions:
        raise InputError(f"datasets:{name}, split {split}, has no rows.")
    # Undecoded bytes: broken pictures and orientation are then treated as in files.
    images = rows.select_columns([chosen.image])
    images = images.cast_column(chosen.image, datasets.Image(decode=False))
    return DatasetCaptions(images, captions, split=split, image_column=chosen.image)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns that a source names; no captions: those of the usual names."""

    image: str = IMAGE_COLUMN
    captions: tuple[str, ...] = ()


def _cut_columns(source: str) -> tuple[str, _Columns]:
    """Cut off what follows the question mark.

    Raises:
        InputError: if it is not of the documented form.
    """
    name, mark, text = source.partition("?")
    if not mark:
        return source, _Columns()
    parts = [part.partition("=") for part in text.split("&")]
    values = {key: value for key, _, value in parts}
    if (
        len(values) != len(parts)
        or not all(values.values())
        or values.keys() - {"image", "captions"}
    ):
        raise InputError(
            f"datasets:{source}: expected columns as in ?image=COLUMN&captions=COLUMN,COLUMN; "
            f"found {text!r}."
        )
    captions = tuple(filter(None, values.get("captions", "").split(",")))
    return name, _Columns(values.get("image", IMAGE_COLUMN), captions)


def _cut(source: str) -> tuple[str, str]:
    # At the first colon: a split may hold one too ("train[:100]").
    name, _, split = source.partition(":")
    return name, split


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Keep the hub's note on each retry off the terminal; the error says how it ended."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _load(name: str, split: str) -> tuple[Any, str]:
    """Return the rows of a split and its name."""
    import datasets

    saved = any((Path(name) / file).is_file() for file in _SAVED)
    try:
        if saved:
            loaded = datasets.load_from_disk(name)
        else:
            with _quiet_hub():
                loaded = datasets.load_dataset(name, split=split or None)
    except FileNotFoundError as error:
        raise MissingError(f"There is no data set {name!r}: {error}") from error
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise InputError(
            f"The data set {name!r} cannot be loaded: {error}. Check its name and the network, or "
            "name a folder that save_to_disk wrote."
        ) from error
    if not isinstance(loaded, dict):
        only = str(loaded.split or "rows")
        if saved and split and split != only:
            raise InputError(f"The data set saved in {name} is {only!r}; asked for {split!r}.")
        return loaded, split or only
    if not split and len(loaded) == 1:
        split = next(iter(loaded))
    if split not in loaded:
        asked = f"has no split {split!r}" if split else "has several splits"
        raise InputError(
            f"The data set {name!r} {asked}; choose one of {sorted(loaded)}, "
            f"as in datasets:{name}:{min(loaded)}."
        )
    return loaded[split], split


def _require_image_column(rows: Any, name: str, column: str, image_type: type) -> None:
    if not isinstance(rows.features.get(column), image_type):
        raise InputError(
            f"datasets:{name} has the columns {_describe(rows)}; expected pictures (type Image) "
            f"in a column {column!r}. Name another at the end, as in datasets:{name}?image=COLUMN."
        )


def _read_captions(rows: Any, place: str, chosen: Sequence[str]) -> list[tuple[str, ...]]:
    missing = [column for column in chosen if column not in rows.column_names]
    columns = list(chosen)
    columns = columns or [column for column in CAPTION_COLUMNS if column in rows.column_names][:1]
    columns = columns or sorted(c for c in rows.column_names if _NUMBERED.fullmatch(c))
    if missing or not columns:
        raise InputError(
            f"{place} has the columns {_describe(rows)}; expected captions in one of "
            f"{missing or list(CAPTION_COLUMNS)}. Name others at the end, as in "
            f"{place}?captions=COLUMN."
        )
    expected = "expected one or more texts"
    result = []
    for i, row in enumerate(rows.select_columns(columns).with_format(None)):
        cells = [row[column] for column in columns]
        lists = [cell if isinstance(cell, list) else [cell] for cell in cells]
        found = [text for texts in lists for text in texts]
        result.append(check_captions(found, f"{place}, row {i}, column {columns[0]!r}", expected))
    return result


def _describe(rows: Any) -> str:
    types = {column: type(feature).__name__ for column, feature in rows.features.items()}
    return ", ".join(f"{column} ({kind})" for column, kind in types.items())
