"""Columns: typed fields of documents, which a segment stores along with its vectors.

A column has one type in the whole index: ``int64``, ``float64`` or ``text``. A document may lack
a field; then its value is ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np

from lexret.engine.store.checked import AnyArray, CheckedArray
from lexret.errors import InputError

FieldValue = int | float | str | None
NUMBER_TYPES: Final = {"int64": "<i8", "float64": "<f8"}
TEXT: Final = "text"


@dataclass(frozen=True)
class Column:
    """Column of one field: its type, and one value per document."""

    kind: str
    values: Sequence[FieldValue]


@dataclass(frozen=True)
class StoredArray:
    """Array that is to be stored, piece by piece.

    Attributes:
        dtype: numpy's little-endian name of the type.
        count: number of elements of all pieces together.
    """

    dtype: str
    count: int
    pieces: Iterable[AnyArray]

    @classmethod
    def whole(cls, dtype: str, values: AnyArray) -> Self:
        """Take an array that is held as a whole."""
        return cls(dtype, len(values), [values])


def encode_text(text: str, *, what: str) -> bytes:
    """Encode a text as UTF-8; file names that are not UTF-8 keep their bytes.

    Raises:
        InputError: if it holds half of a surrogate pair, which no file name does.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(f"{what} {text!r} cannot be stored as UTF-8: {error.reason}.") from error


def decode_text(data: bytes) -> str:
    """Decode what :func:`encode_text` encoded."""
    return data.decode("utf-8", "surrogateescape")


def kind_of(name: str, values: Sequence[FieldValue]) -> str | None:
    """Return the type of a field from its values; ``None`` if every value is missing.

    Raises:
        InputError: if the values are of an unknown type or of several.
    """
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return None
    if kinds == {int}:
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values):
            raise InputError(f"Field {name!r} has a number that does not fit into 64 bits.")
        return "int64"
    if kinds <= {int, float}:
        return "float64"
    if kinds == {str}:
        return TEXT
    found = sorted(kind.__name__ for kind in kinds)
    raise InputError(f"Field {name!r} has values of type {found}; expected int, float or str.")


def extend_schema(
    schema: Mapping[str, str], fields: Mapping[str, Sequence[FieldValue]], *, num_documents: int
) -> dict[str, str]:
    """Return the columns of an index after some values are added to it.

    Raises:
        InputError: if a type differs, a name cannot be used, or a field does not have one value
            per document.
    """
    result = dict(schema)
    for name, values in fields.items():
        if not name.replace("_", "").isalnum():
            raise InputError(f"Field name {name!r}: expected letters, digits and underscores.")
        if len(values) != num_documents:
            raise InputError(f"Field {name!r}: {len(values)} values, {num_documents} documents.")
        kind = kind_of(name, values)
        known = result.get(name)
        if kind is None or kind == known or (kind == "int64" and known == "float64"):
            continue
        if known is not None:
            raise InputError(f"Field {name!r} is {known} in this index; found {kind} values.")
        result[name] = kind
    return result


def pack(name: str, column: Column) -> dict[str, StoredArray]:
    """Return the arrays that store a column, by their names."""
    present = np.array([value is not None for value in column.values], dtype=bool)
    arrays: dict[str, StoredArray] = {}
    if column.kind == TEXT:
        texts = [
            encode_text("" if value is None else str(value), what=f"Field {name!r}:")
            for value in column.values
        ]
        arrays |= pack_texts(f"field.{name}", texts)
    else:
        dtype = NUMBER_TYPES[column.kind]
        numbers = [0 if value is None else value for value in column.values]
        values = np.array(numbers, dtype=dtype)
        arrays[f"field.{name}.values"] = StoredArray.whole(dtype, values)
    if not present.all():
        bits = np.packbits(present, bitorder="little")
        arrays[f"field.{name}.present"] = StoredArray.whole("|u1", bits)
    return arrays


def unpack(name: str, kind: str, arrays: Mapping[str, CheckedArray], num_documents: int) -> Column:
    """Return the column that :func:`pack` stored in the arrays of a segment."""
    values: list[FieldValue]
    if kind == TEXT:
        values = [decode_text(text) for text in unpack_texts(f"field.{name}", arrays)]
    else:
        values = arrays[f"field.{name}.values"].whole().tolist()
    bits = arrays.get(f"field.{name}.present")
    if bits is not None:
        present = np.unpackbits(bits.whole(), count=num_documents, bitorder="little")
        values = [value if there else None for value, there in zip(values, present, strict=True)]
    return Column(kind, values)


def read_value(name: str, kind: str, arrays: Mapping[str, CheckedArray], row: int) -> FieldValue:
    """Return one document's value of a field, without reading the others."""
    bits = arrays.get(f"field.{name}.present")
    if bits is not None:
        byte = int(bits.part(row // 8, row // 8 + 1)[0])
        if not (byte >> (row % 8)) & 1:
            return None
    if kind == TEXT:
        return decode_text(text_at(f"field.{name}", arrays, row))
    value: FieldValue = arrays[f"field.{name}.values"].part(row, row + 1).item()
    return value


def pack_texts(prefix: str, texts: Sequence[bytes]) -> dict[str, StoredArray]:
    """Return the arrays that store byte strings: all their bytes, and where each begins."""
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    joined = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return {
        f"{prefix}.offsets": StoredArray.whole("<i8", offsets),
        f"{prefix}.bytes": StoredArray.whole("|u1", joined),
    }


def text_at(prefix: str, arrays: Mapping[str, CheckedArray], row: int) -> bytes:
    """Return one of the byte strings that :func:`pack_texts` stored."""
    start, end = arrays[f"{prefix}.offsets"].part(row, row + 2).tolist()
    return arrays[f"{prefix}.bytes"].part(start, end).tobytes()


def unpack_texts(prefix: str, arrays: Mapping[str, CheckedArray]) -> list[bytes]:
    """Return the byte strings that :func:`pack_texts` stored."""
    joined = arrays[f"{prefix}.bytes"].whole().tobytes()
    places = arrays[f"{prefix}.offsets"].whole().tolist()
    return [joined[start:end] for start, end in pairwise(places)]
