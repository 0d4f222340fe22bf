"""Model of an index: its queries must be encoded by the model that made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexret.encoders.folder.record import (
    DEFAULT_MODEL,
    META_FILE,
    SHIPPED,
    ModelRecord,
    find_model,
    read_record,
)
from lexret.errors import MismatchError

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex


def record_of_model(index: EmbeddedIndex, source: str | None = None) -> ModelRecord:
    """Return the record of the model to ask an index with; no tensor is loaded.

    Args:
        source: a model's name or folder; without it, what the index records, else the default.

    Raises:
        MissingError: if there is no such model.
        MismatchError: if it is not the model that made the index.
    """
    source = source or index.manifest.model_source or DEFAULT_MODEL
    record = read_record(find_model(source))
    fingerprint = index.manifest.vocabulary_fingerprint
    if (record.model_id, record.vocabulary_fingerprint) != (index.model_id, fingerprint):
        raise MismatchError(
            f"The index at {index.path} was made with the model {index.model_id} "
            f"({index.manifest.num_words} words), but {source!r} is {record.model_id} "
            f"({record.num_words} words). Name the model with --model, or make the index "
            "anew with `lexret index DIR --rebuild`."
        )
    return record


def lasting_source(source: str) -> str:
    """Return a model's source so that it is found again from any folder."""
    if (SHIPPED / source / META_FILE).is_file() or not Path(source).is_dir():
        return source
    return str(Path(source).resolve())
