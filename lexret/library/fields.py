"""Fields that people give their pictures, such as a rating or a place, and how they are read.

They are stored beside the fields that ``lexret index`` writes, each has one type in the whole
index, and they stay with a picture when its file changes or moves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lexret.engine.protocol import Document
from lexret.engine.store.columns import TEXT, FieldValue, kind_of
from lexret.engine.vectors import DocumentChunk, read_documents
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import InputError
from lexret.interop.backends import open_writer
from lexret.library.asking.query_fields import PICTURE_FIELDS
from lexret.library.lookup import document_named
from lexret.library.updating.records import INDEXED_FIELDS

NAME: Final = re.compile(r"[^\W\d_]\w*")
_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
_EXPECTED: Final = {"int64": "a whole number", "float64": "a number", TEXT: "a text"}

OwnFields = Mapping[str, FieldValue]


def check_name(name: str) -> None:
    """Raise InputError if people may not give pictures a field of that name."""
    if name in INDEXED_FIELDS or name in PICTURE_FIELDS.dates or name in PICTURE_FIELDS.columns:
        raise InputError(
            f"The field {name!r} belongs to `lexret index`, which reads it from the files. Choose "
            "another name."
        )
    if NAME.fullmatch(name) is None:
        raise InputError(
            f"Field name {name!r}: expected a letter, then letters, digits and underscores."
        )


def parse_value(name: str, text: str, kind: str | None) -> FieldValue:
    """Read a value as it was typed; an empty one takes the field away (``None``).

    Args:
        kind: the field's type in the index; without one, a number is taken for a number.

    Raises:
        InputError: if it is not of that type.
    """
    if not text:
        return None
    if kind is None:
        kind = kind_of_texts([text])
    try:
        if kind == "int64" and _WHOLE.fullmatch(text):
            value: FieldValue = int(text)
        elif kind == TEXT:
            value = text
        else:
            value = _number(text) if kind == "float64" else None
    except ValueError:
        value = None
    if value is None:
        raise InputError(f"The field {name!r} is {_EXPECTED[kind]} in this index; found {text!r}.")
    kind_of(name, [value])
    return value


def kind_of_texts(texts: Sequence[str]) -> str:
    """Return the type that fits values as they were typed: whole numbers, numbers or texts."""
    given = [text for text in texts if text]
    if given and all(_WHOLE.fullmatch(text) for text in given):
        return "int64"
    try:
        for text in given:
            _number(text)
    except ValueError:
        return TEXT
    return "float64" if given else TEXT


def _number(text: str) -> float:
    """Read a number; raises ValueError for ``nan`` and infinities, too."""
    if not set(text) <= set("0123456789+-.eE"):
        raise ValueError(text)
    return float(text)


def set_fields(index_path: Path, wanted: Mapping[str, OwnFields]) -> int:
    """Give pictures of an index fields, in one commit.

    Args:
        wanted: a picture's path or id -> field name -> value; ``None`` takes the field away. Other
            fields stay as they are.

    Returns:
        how many pictures changed.

    Raises:
        InputError: if a name cannot be used, or a value is not of the field's type.
        MissingError: if a picture is not in the index; nothing is changed then.
        LockedError: if another process is writing the index.
        StorageError: if the index cannot be written.
    """
    for name in sorted({name for values in wanted.values() for name in values}):
        check_name(name)
    num_changed = 0
    with open_writer(index_path) as writer:
        index = writer.snapshot()
        by_id: dict[str, dict[str, FieldValue]] = {}
        for given, values in wanted.items():
            by_id.setdefault(document_named(index, given), {}).update(values)
        for chunk in read_documents(index, wanted=by_id):
            num_changed += _rewrite(writer, chunk, by_id)
        if num_changed:
            writer.commit()
    return num_changed


def _rewrite(
    writer: EmbeddedIndexWriter, chunk: DocumentChunk, by_id: Mapping[str, OwnFields]
) -> int:
    """Add those documents again whose fields change, with their vectors as they are."""
    num_changed = 0
    for document, vector in zip(chunk.documents, chunk.vectors, strict=True):
        fields = {**document.fields, **by_id[document.doc_id]}
        if _same(document, fields):
            continue
        columns = {name: [value] for name, value in fields.items()}
        writer.add([document.doc_id], vector.as_batch(), fields=columns)
        num_changed += 1
    return num_changed


def _same(document: Document, fields: OwnFields) -> bool:
    return all(document.fields.get(name) == value for name, value in fields.items())
