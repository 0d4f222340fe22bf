"""Catalogue of models: their folders and records, read without torch and without tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lexret.encoders.folder.record import CARD_FILE, META_FILE, SHIPPED, ModelRecord, read_record
from lexret.errors import CorruptError, MissingError
from lexret.files.folders import is_leftover

_HEADING: Final = "## "


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """Summary of a model, one line.

    Attributes:
        name: what its configuration calls it.
        model_id: name and the start of the weights' hash.
        folder: where it lies.
        num_bytes: of all its files.
        vocabulary: the name of the vocabulary.
        num_words: number of words in it.
        text_encoders: those that it brings, of "contextual" and "static".
        recall: R@1, R@5, R@10 in percent on its dev split by direction; empty if not recorded.
    """

    name: str
    model_id: str
    folder: Path
    num_bytes: int
    vocabulary: str
    num_words: int
    text_encoders: tuple[str, ...]
    recall: Mapping[str, Mapping[str, float]]


def model_folders(places: Iterable[Path] = ()) -> list[Path]:
    """Return the folders of the shipped models, then of those in the given places.

    Args:
        places: model folders, or folders that hold some.

    Raises:
        MissingError: if there is no model at a place nor directly below it.
    """
    folders = _models_below(SHIPPED)
    for place in places:
        found = [place] if (place / META_FILE).is_file() else _models_below(place)
        if not found:
            raise MissingError(
                f"No model at {place}: expected a folder with {META_FILE}, or folders with one."
            )
        folders += found
    return folders


def summarize(folder: Path) -> ModelSummary:
    """Read a model folder's summary.

    Raises:
        MissingError: if there is no model.
        CorruptError: if its record is damaged.
    """
    record = read_record(folder)
    config = record.config()
    return ModelSummary(
        name=config.name,
        model_id=record.model_id,
        folder=folder,
        num_bytes=sum(file.stat().st_size for file in model_files(folder)),
        vocabulary=config.vocabulary,
        num_words=record.num_words,
        text_encoders=("contextual", "static") if record.has_static_text else ("contextual",),
        recall=_recall(record),
    )


def model_files(folder: Path) -> list[Path]:
    """Return every file of a model folder, those of folders in it too, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def read_card(folder: Path) -> str:
    """Return the model card; empty if the model has none.

    Raises:
        CorruptError: if it is not UTF-8 text.
    """
    try:
        return (folder / CARD_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise CorruptError(f"{folder / CARD_FILE} is not UTF-8 text: {error}.") from error


def card_section(card: str, heading: str) -> str:
    """Return a section of a model card, without its heading; empty if it has none."""
    _, found, rest = f"\n{card}".partition(f"\n{_HEADING}{heading}\n")
    return rest.partition(f"\n{_HEADING}")[0].strip() if found else ""


def _models_below(folder: Path) -> list[Path]:
    found = (path.parent for path in folder.glob(f"*/{META_FILE}"))
    return sorted(path for path in found if not is_leftover(path))


def _recall(record: ModelRecord) -> dict[str, dict[str, float]]:
    dev: Any = record.numbers.get("dev")
    recall = {}
    for direction in ("text_to_image", "image_to_text"):
        figures = dev.get(direction) if isinstance(dev, Mapping) else None
        if isinstance(figures, Mapping):
            recall[direction] = {
                name: float(value) for name, value in figures.items() if name.startswith("R@")
            }
    return recall
