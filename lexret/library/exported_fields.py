"""Exported fields: which fields of pictures an export holds, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lexret.engine.index import EmbeddedIndex
from lexret.errors import InputError
from lexret.interop.sparse_documents import FieldChoice
from lexret.library.updating.records import EXIF, TAG_FIELDS

PATH: Final = "path"
KEYWORDS: Final = "keywords"


def exported_fields(index: EmbeddedIndex, wanted: Sequence[str] | None = None) -> FieldChoice:
    """Return the fields of an index to export, by the names that they have there.

    They are those read from files, under names such as ``taken_s`` and ``keywords``, and those that
    people gave. The path is the document's id; fields that only lexret's bookkeeping needs are left
    out.

    Args:
        wanted: their names; by default all.

    Raises:
        InputError: if the index has no such field; the message lists those that it has.
    """
    names = {column: name for name, column in TAG_FIELDS.items()}
    known = {
        names.get(column, column): column
        for column in index.columns
        if column not in (PATH, EXIF) and (column in names or not column.startswith("_"))
    }
    chosen = list(known) if wanted is None else list(dict.fromkeys(wanted))
    for name in chosen:
        if name not in known:
            raise InputError(
                f"The index has no field {name!r} to export; it has: {', '.join(sorted(known))}."
            )
    return FieldChoice({name: known[name] for name in chosen}, frozenset({KEYWORDS}) & set(chosen))
