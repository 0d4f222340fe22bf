"""Layout of a segment: which arrays there must be, of which type and length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from lexret.engine.postings.blocks import EIGHT_BITS
from lexret.engine.postings.plain import RAW
from lexret.engine.segments.manifest import SegmentEntry
from lexret.engine.store.checked import CheckedArray
from lexret.engine.store.columns import NUMBER_TYPES, TEXT
from lexret.errors import DamageError

_RAW_TYPES: Final = {"indptr": "<i8", "docs": "<i4", "weights": "<f4"}
_BLOCK_TYPES: Final = {
    "counts": "<u4",
    "split": "<u1",
    "lows": "<u1",
    "sides": "<u1",
    "dense.terms": "<i4",
    "dense.scales": "<f4",
    "dense.rows": "<u1",
}


def check_layout(entry: SegmentEntry, arrays: Mapping[str, CheckedArray], folder: Path) -> None:
    """Raise DamageError if an array of a segment is missing, of another type or length.

    Postings check their own lengths.
    """
    for name, dtype, count in _expected(entry):
        found = arrays.get(name)
        if found is None:
            raise DamageError(folder, f"the manifest lists no array {name!r} of it")
        if found.values.dtype != np.dtype(dtype) or count not in (None, len(found)):
            raise DamageError(
                folder,
                f"the manifest lists {len(found)} of {found.values.dtype.str} as its array "
                f"{name!r}, expected {'any number' if count is None else count} of {dtype}",
            )
    for name in entry.columns:
        bits = arrays.get(f"field.{name}.present")
        if bits is not None and (bits.values.dtype != np.uint8
                                 or len(bits) != -(-entry.num_documents // 8)):  # fmt: skip
            raise DamageError(folder, f"its array 'field.{name}.present' is of another length")
    for name in ["id", *(f"field.{name}" for name, kind in entry.columns.items() if kind == TEXT)]:
        offsets, joined = arrays[f"{name}.offsets"], arrays[f"{name}.bytes"]
        if offsets.part(len(offsets) - 1, len(offsets))[0] != len(joined):
            raise DamageError(folder, f"the offsets of its {name!r} do not end with its bytes")


def _expected(entry: SegmentEntry) -> Iterator[tuple[str, str, int | None]]:
    """Yield the arrays of a segment: name, type, and number of elements where that is known."""
    num_documents = entry.num_documents
    types = _RAW_TYPES if entry.codec == RAW else _BLOCK_TYPES
    for name, dtype in types.items():
        yield name, dtype, None
    if entry.codec != RAW:
        yield "weights", "<u1" if entry.codec == EIGHT_BITS else "<f4", None
    yield "id.offsets", "<i8", num_documents + 1
    yield "id.bytes", "|u1", None
    for name, kind in entry.columns.items():
        if kind == TEXT:
            yield f"field.{name}.offsets", "<i8", num_documents + 1
            yield f"field.{name}.bytes", "|u1", None
        else:
            yield f"field.{name}.values", NUMBER_TYPES[kind], num_documents
