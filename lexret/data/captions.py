"""Pictures with captions: what training and evaluation read.

A source is a JSON-lines file, one picture a line::

    {"image": "images/1.jpg", "captions": ["A dog runs.", "A brown dog on grass."]}

(``"written_by": "template"`` in a line says that its captions were made from the name of a class,
``"objects": {"sky": 0.38, "car": 0.02}`` which share of the picture each thing covers),
a folder that holds such a file under the name ``captions.jsonl``, ``datasets:NAME[:SPLIT]``,
``webdataset:PATTERN``, ``karpathy:FILE[:SPLIT[:IMAGES]]`` or ``coco:FILE[:IMAGES]``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, cast, final

from PIL import Image

from lexret.data.images import ENCODING_MIN_SIDE, open_image
from lexret.errors import InputError, MissingError

CAPTIONS_FILE: Final = "captions.jsonl"
DATASETS_PREFIX: Final = "datasets:"
SHARDS_PREFIX: Final = "webdataset:"
KARPATHY_PREFIX: Final = "karpathy:"
COCO_PREFIX: Final = "coco:"
_NUM_NAMED: Final = 5
_EXPECTED: Final = 'expected {"image": "path", "captions": ["text", ...]}'


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """A picture file and what people say about it.

    Attributes:
        name: the path as the captions file gives it.
        image: where the picture lies.
        captions: one or more texts, none of them blank.
        image_id: the picture's id in its collection; "" where it has none.
        caption_ids: the captions' ids there; empty where they have none.
        by_template: whether the captions were made from the name of a class or a file.
        objects: things in the picture, each with the share of the picture that it covers; empty
            where nobody has outlined them.
    """

    name: str
    image: Path
    captions: tuple[str, ...]
    image_id: str = ""
    caption_ids: tuple[str, ...] = ()
    by_template: bool = False
    objects: Mapping[str, float] = field(default_factory=dict)


class CaptionSet(Protocol):
    """N pictures with captions, in a fixed order; pictures are read when they are asked for.

    Pictures may be asked for from several threads at once.
    """

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    def name(self, i: int) -> str:
        """What to call picture ``i`` in messages; the same wherever the set lies."""
        ...

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of picture ``i``, one or more."""
        ...

    def by_template(self, i: int) -> bool:
        """Whether the captions of picture ``i`` were made from the name of a class or a file."""
        ...

    def objects(self, i: int) -> Mapping[str, float]:
        """Things in picture ``i`` and the share of it that each covers; empty if not outlined."""
        ...

    def image(self, i: int) -> Image.Image:
        """Read picture ``i``: RGB, upright, reduced as for an index.

        Raises:
            MissingError: if the file has gone since the set was opened.
            ImageError: if it is not a readable picture.
        """
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and captions in order (not over the pictures' content)."""
        ...


@final
class FileCaptions:
    """Picture files with captions; implements :class:`CaptionSet`."""

    def __init__(self, items: Sequence[CaptionedImage]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def name(self, i: int) -> str:
        """The path as the captions file gives it."""
        return self._items[i].name

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of picture ``i``."""
        return self._items[i].captions

    def by_template(self, i: int) -> bool:
        """Whether the captions of picture ``i`` were made from a name."""
        return self._items[i].by_template

    def objects(self, i: int) -> Mapping[str, float]:
        """Things in picture ``i`` and the share of it that each covers."""
        return self._items[i].objects

    def image_id(self, i: int) -> str:
        """The picture's id in its collection, else its name."""
        return self._items[i].image_id or self._items[i].name

    def caption_ids(self, i: int) -> tuple[str, ...]:
        """The captions' ids in their collection, else the picture's with ``#0``, ``#1``, ..."""
        item = self._items[i]
        name = self.image_id(i)
        return item.caption_ids or tuple(f"{name}#{k}" for k in range(len(item.captions)))

    def image(self, i: int) -> Image.Image:
        """Read picture ``i``."""
        return open_image(self._items[i].image, min_side=ENCODING_MIN_SIDE)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over names and captions."""
        return captions_fingerprint((item.name, item.captions) for item in self._items)


def open_captions(
    source: str | Path,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CaptionSet:
    """Open a captions file, a folder that holds one, a data set or shards by prefix.

    Args:
        cache: a folder where indexes of shards are kept, so that they are made once.
        progress: called with (shards indexed, shards in all).

    Raises:
        MissingError: if there is no such file, folder or data set.
        InputError: if it cannot be used; the message says where and why.
        MissingPackageError: if it needs the package ``datasets``, which is not installed.
        CorruptError, StorageError: if shards are damaged, or their index cannot be kept.
    """
    if str(source).startswith(DATASETS_PREFIX):
        from lexret.data.caption_datasets import open_dataset

        return open_dataset(str(source).removeprefix(DATASETS_PREFIX))
    if str(source).startswith(SHARDS_PREFIX):
        from lexret.data.shards import open_shards

        pattern = str(source).removeprefix(SHARDS_PREFIX)
        return open_shards(pattern, cache=cache, progress=progress)
    if str(source).startswith(KARPATHY_PREFIX):
        from lexret.data.caption_formats import read_karpathy

        return FileCaptions(read_karpathy(str(source).removeprefix(KARPATHY_PREFIX)))
    if str(source).startswith(COCO_PREFIX):
        from lexret.data.caption_formats import read_coco

        return FileCaptions(read_coco(str(source).removeprefix(COCO_PREFIX)))
    return FileCaptions(read_captions(Path(source)))


def read_captions(path: Path) -> list[CaptionedImage]:
    """Read a captions file; image paths in it are relative to the file's folder.

    Further keys of a line and blank lines are left aside.

    Args:
        path: a JSON-lines file, or a folder that holds ``captions.jsonl``.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is empty, a line is broken or repeats a picture (the message names the
            line), or pictures are missing (the message names the first few).
    """
    file = path / CAPTIONS_FILE if path.is_dir() else path
    items: list[CaptionedImage] = []
    lines: dict[str, int] = {}
    for number, raw in enumerate(_read_lines(file, asked=path), start=1):
        if not raw.strip():
            continue
        item = _parse(raw, f"{file}:{number}", file.parent)
        if item.name in lines:
            raise InputError(
                f"{file}:{number}: the picture {item.name!r} stands on line {lines[item.name]} "
                "already; expected one line a picture, with all its captions."
            )
        lines[item.name] = number
        items.append(item)
    if not items:
        raise InputError(f"{file} is empty; {_EXPECTED} on each line.")
    _require_pictures(file, items)
    return items


def captions_fingerprint(items: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Return the SHA-256 of names and captions in order, each preceded by its length in bytes."""
    digest = hashlib.sha256()
    for name, captions in items:
        digest.update(len(captions).to_bytes(4, "little"))
        for text in (name, *captions):
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(4, "little"))
            digest.update(encoded)
    return digest.hexdigest()


def check_captions(found: object, place: str, expected: str) -> tuple[str, ...]:
    """Return captions as a tuple.

    Args:
        found: what stands where captions should be.
        place: where that is, for the message.
        expected: what should be there, for the message.

    Raises:
        InputError: unless it is a list of one or more texts that are not blank.
    """
    if not isinstance(found, list) or not all(map(_is_text, found)):
        raise InputError(f"{place}: the captions are {_short(found)}; {expected}.")
    if not found:
        raise InputError(f"{place}: there is no caption; {expected}.")
    blank = next((i for i, text in enumerate(found, start=1) if not text.strip()), None)
    if blank is not None:
        raise InputError(f"{place}: caption {blank} of {len(found)} is blank; {expected}.")
    return tuple(found)


def first_few(names: Sequence[str]) -> str:
    """Return the first of some names as a message lists them, and how many more there are."""
    more = f" and {len(names) - _NUM_NAMED} more" if len(names) > _NUM_NAMED else ""
    return ", ".join(names[:_NUM_NAMED]) + more


def _is_text(value: object) -> bool:
    # JSON can spell half a surrogate pair ("\\ud83d"), which is no character.
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _read_lines(file: Path, *, asked: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except FileNotFoundError as error:
        if asked.is_dir():
            raise MissingError(f"The folder {asked} holds no {CAPTIONS_FILE}.") from error
        raise MissingError(f"There is no captions file {file}.") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error


def _parse(raw: bytes, place: str, folder: Path) -> CaptionedImage:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 text ({error}); {_EXPECTED}.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{place}: no JSON ({error}): {_short(raw)}; {_EXPECTED}.") from error
    if not isinstance(value, dict):
        raise InputError(f"{place}: found {_short(value)}; {_EXPECTED}.")
    absent = [key for key in ("image", "captions") if key not in value]
    if absent:
        raise InputError(f"{place}: no {absent} among the keys {sorted(value)}; {_EXPECTED}.")
    name = value["image"]
    if not isinstance(name, str) or not _is_text(name) or not name.strip() or "\0" in name:
        raise InputError(f"{place}: the image is {_short(name)}; {_EXPECTED}.")
    return CaptionedImage(
        name,
        folder / name,
        check_captions(value["captions"], place, _EXPECTED),
        by_template=_by_template(value.get("written_by"), place),
        objects=_objects(value.get("objects", {}), place),
    )


def _by_template(found: object, place: str) -> bool:
    if found not in (None, "people", "template"):
        raise InputError(
            f'{place}: written_by is {_short(found)}; expected "people" or "template", or no such '
            "key."
        )
    return found == "template"


def _objects(found: object, place: str) -> Mapping[str, float]:
    is_table = isinstance(found, dict) and all(
        name.strip() and isinstance(share, int | float) and 0 <= share <= 1
        for name, share in found.items()
    )
    if not is_table:
        raise InputError(
            f"{place}: objects are {_short(found)}; expected names, each with the share of the "
            'picture that it covers, from 0 to 1, such as {"sky": 0.38}.'
        )
    return cast(Mapping[str, float], found)


def _require_pictures(file: Path, items: Sequence[CaptionedImage]) -> None:
    missing = [item.name for item in items if not item.image.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(items)} pictures that {file} names are missing: "
            f"{first_few(missing)}. Paths are relative to "
            f"{file.parent.resolve()}."
        )


def _short(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
