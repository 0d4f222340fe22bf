"""Fields of an encoded picture: those that `lexret index` records, as a table of vectors has them.

Their names are those of `lexret export`; two more are what `lexret index` knows a file again by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lexret.engine.store.columns import FieldValue
from lexret.interop.vector_tables import TEXTS
from lexret.library.updating.records import EXIF, SIDECAR, TAG_FIELDS, KnownPicture

FIELD_TYPES: Final[Mapping[str, str]] = {
    "size": "int64",
    "mtime_ns": "int64",
    "sha256": "text",
    "width": "int64",
    "height": "int64",
    "taken_s": "int64",
    "camera": "text",
    "lens": "text",
    "iso": "int64",
    "exposure_s": "float64",
    "f_number": "float64",
    "focal_mm": "float64",
    "latitude": "float64",
    "longitude": "float64",
    "date_from": "text",
    "keywords": TEXTS,
    EXIF: "int64",
    SIDECAR: "int64",
}
PATH: Final = "path"


def columns_of(records: Sequence[KnownPicture]) -> dict[str, list[FieldValue]]:
    """Return the fields of records, by their names in a table."""
    rows = [record.as_fields() for record in records]
    return {
        name: [row.get(TAG_FIELDS.get(name, name), [None])[0] for row in rows]
        for name in FIELD_TYPES
    }


def index_fields(
    columns: Mapping[str, Sequence[FieldValue]], ids: Sequence[str]
) -> dict[str, Sequence[FieldValue]]:
    """Return the fields of a table's rows by their names in an index.

    Raises:
        KeyError: if one is missing.
    """
    return {PATH: ids, **{TAG_FIELDS.get(name, name): columns[name] for name in FIELD_TYPES}}
