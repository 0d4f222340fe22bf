"""Sparse documents: pictures of an index as plain numbers, for engines that search sparse vectors.

A number of a word is its place in the vocabulary, from 0. Weights are written as short decimals,
which single precision reads as the very weights that the index holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

import numpy as np

from lexret.engine.store.columns import FieldValue
from lexret.engine.vectors import CorrectedVectors, VectorBlock
from lexret.errors import InputError
from lexret.files.names import is_whole
from lexret.sparse import FloatArray

ExportedValue = FieldValue | list[str]
T = TypeVar("T")

DOCUMENTS_AT_ONCE: Final = 1000
_FEWEST_DIGITS: Final = 6
_ENOUGH_DIGITS: Final = 9
# Those that double precision holds exactly: a whole number divided by one is the nearest to its
# decimal, which Python then prints as such.
_POWERS: Final = np.array([float(f"1e{power}") for power in range(23)])


@dataclass(frozen=True)
class FieldChoice:
    """Choice of fields to export.

    Attributes:
        columns: name in the export -> the index's column.
        lists: names in the export whose values are texts of one entry a line; they become lists.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()


NO_FIELDS: Final = FieldChoice()


@dataclass(frozen=True, slots=True)
class SparseDocument:
    """Sparse document: one picture.

    Attributes:
        doc_id: its id in the index, which is its path.
        indices: numbers of its words, rising.
        values: their weights, above 0.
        words: the words themselves; empty where the export was made without them.
        fields: name -> value; a missing one is left out.
    """

    doc_id: str
    indices: list[int]
    values: list[float]
    words: list[str] = field(default_factory=list)
    fields: Mapping[str, ExportedValue] = field(default_factory=dict)


def sparse_documents(
    vectors: CorrectedVectors, choice: FieldChoice, *, with_words: bool
) -> Iterator[list[SparseDocument]]:
    """Yield all documents in rising order of their ids, some at a time.

    A document of 300 words takes some 60 kB as Python's numbers and texts: few are made at once,
    however many a block of vectors holds.

    Raises:
        InputError: if a field holds bytes that are not UTF-8, or a number that is not finite.
    """
    columns = {name: vectors.field(column) for name, column in choice.columns.items()}
    words = vectors.vocabulary.words if with_words else None
    rows = (row for block in vectors.blocks() for row in _rows(block, words))
    for chunk in batched(enumerate(rows), DOCUMENTS_AT_ONCE):
        documents = []
        for number, (doc_id, indices, values, named) in chunk:
            fields = {
                name: _exported(column[number], doc_id, name, is_list=name in choice.lists)
                for name, column in columns.items()
                if column[number] is not None
            }
            documents.append(SparseDocument(doc_id, indices, values, named, fields))
        yield documents


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield items in lists of some length, the last of which may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def shortest_decimals(weights: FloatArray) -> list[float]:
    """Return weights as short decimals that single precision reads as the same weights.

    Each is rounded to as few significant digits, from 6 on, as keep it; 9 are always enough.
    Weights of 10^9 and more, or below 10^-13, may stay as they are.
    """
    exact = weights.astype(np.float64)
    result = exact.copy()
    is_open = weights > 0
    places = np.floor(np.log10(exact, where=is_open, out=np.zeros_like(exact))).astype(np.int64)
    for digits in range(_FEWEST_DIGITS, _ENOUGH_DIGITS + 1):
        powers = digits - 1 - places
        is_open &= (powers >= 0) & (powers < len(_POWERS))
        scales = _POWERS[np.where(is_open, powers, 0)]
        rounded = np.rint(exact * scales) / scales
        fits = is_open & (rounded.astype(np.float32) == weights)
        result[fits] = rounded[fits]
        is_open &= ~fits
    decimals: list[float] = result.tolist()
    return decimals


def _rows(
    block: VectorBlock, words: tuple[str, ...] | None
) -> Iterator[tuple[str, list[int], list[float], list[str]]]:
    for doc_id, vector in zip(block.doc_ids, block.vectors, strict=True):
        indices = vector.term_ids.tolist()
        named = [] if words is None else [words[index] for index in indices]
        yield doc_id, indices, shortest_decimals(vector.weights), named


def _exported(value: FieldValue, doc_id: str, name: str, *, is_list: bool) -> ExportedValue:
    if isinstance(value, str):
        if not is_whole(value):
            raise InputError(
                f"The field {name!r} of {doc_id} holds bytes that are not UTF-8: {value!r}. Leave "
                "the field out of the export, or give the picture another value."
            )
        return value.split("\n") if is_list else value
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(
            f"The field {name!r} of {doc_id} is {value}, which JSON cannot hold. Leave the field "
            "out of the export, or give the picture another value."
        )
    return value
