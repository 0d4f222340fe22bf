"""Rows of a collection: one a picture with words, never changed, known by a number.

A picture that changes gets a row of a new number, and loses the old one after the commit. So the
rows of the last commit are all there whatever happens to a writer, and what it left behind belongs
to no picture of the index. A number is the commit that the row was written for, and a count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lexret.engine.query.filters import INT64, DateFilter, Filter, NumberFilter
from lexret.engine.store.columns import FieldValue
from lexret.errors import InputError
from lexret.files.names import name_to_text
from lexret.interop.engines.milvus import MAX_ID_BYTES
from lexret.interop.engines.shared import FIELD
from lexret.sparse import LexicalVector

FIRST_ROW: Final = 1 << 32
"""The first number that a picture's row may have; smaller ones are lexret's own."""
LAST_ROW: Final = 2**63 - 1
LEAST_WEIGHT: Final = 1e-15
GREATEST_WEIGHT: Final = 1e15
_LONGEST_TEXT: Final = 1000  # a row's fields may take 64 kB in all
_MOST_TEXTS: Final = 40
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def first_row(generation: int) -> int:
    """Return the first number of the rows that are written for a commit."""
    return generation << 32


def check_weights(vector: LexicalVector, *, what: str) -> None:
    """Raise InputError where products of weights could leave single precision, as Milvus has it."""
    if not len(vector):
        return
    least, greatest = float(vector.weights.min()), float(vector.weights.max())
    if not LEAST_WEIGHT <= least <= greatest <= GREATEST_WEIGHT:
        raise InputError(
            f"{what} has weights from {least:g} to {greatest:g}; Milvus computes in single "
            f"precision, so expected {LEAST_WEIGHT:g} to {GREATEST_WEIGHT:g}."
        )


def row_of(
    number: int, doc_id: str, vector: LexicalVector, fields: Mapping[str, FieldValue]
) -> dict[str, Any]:
    """Return a picture's row: its number, id, words, and fields for filters and other programs.

    Long texts and fields that begin with an underscore stay in the index folder alone.

    Raises:
        InputError: if the id is too long, or a weight or number cannot be stored.
    """
    check_weights(vector, what=f"The picture {doc_id!r}")
    told = name_to_text(doc_id)
    if len(told.encode()) > MAX_ID_BYTES:
        raise InputError(f"The id {doc_id[:80]!r}... takes more than {MAX_ID_BYTES:,} bytes.")
    weights = dict(zip(vector.term_ids.tolist(), vector.weights.tolist(), strict=True))
    return {"row": number, "id": told, FIELD: weights, "fields": _told(fields, doc_id)}


def _told(fields: Mapping[str, FieldValue], doc_id: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    num_texts = 0
    for name, value in fields.items():
        if value is None or name.startswith("_"):
            continue
        if isinstance(value, str):
            text = name_to_text(value)
            if len(text.encode()) > _LONGEST_TEXT or num_texts >= _MOST_TEXTS:
                continue
            num_texts += 1
            told[name] = text
        elif isinstance(value, float) and not abs(value) < float("inf"):
            raise InputError(
                f"The field {name!r} of {doc_id} is {value}, which Milvus cannot hold. Give the "
                "picture another value."
            )
        else:
            told[name] = value
    return told


def expression_of(filters: tuple[Filter, ...]) -> str:
    """Return what Milvus can check of some filters; empty where that is nothing.

    It leaves in whatever meets the filters, and perhaps more: all of them are held against the
    index's own fields afterwards.
    """
    parts = [part for condition in filters if (part := _part(condition))]
    return " and ".join(parts)


def _part(condition: Filter) -> str:
    if condition.negated:
        return ""
    if isinstance(condition, NumberFilter):
        return _between(condition.field, condition.low, condition.high)
    if isinstance(condition, DateFilter):
        clock = _between(condition.fields.by_clock, *condition.clock_bounds())
        system = _between(condition.fields.by_system, *condition.system_bounds())
        return f"({clock} or {system})" if clock and system else ""
    return ""


def _between(field: str, low: float | None, high: float | None) -> str:
    """Return an expression for a number within bounds; empty where it cannot be said surely."""
    if _NAME.fullmatch(field) is None:
        return ""
    sides = [
        f'fields["{field}"] {sign} {bound!r}'
        for sign, bound in ((">=", low), ("<=", high))
        if bound is not None and INT64[0] < bound < INT64[1]
    ]
    return f"({' and '.join(sides)})" if sides else ""
