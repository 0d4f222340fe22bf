"""Sparse documents: pictures of an index as plain numbers, for engines that search sparse vectors.

A number of a word is its place in the vocabulary, from 0. Weights are written as the shortest
decimals that single precision reads as the very weight that the index holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lexret.engine.store.columns import FieldValue
from lexret.engine.vectors import CorrectedVectors, VectorBlock
from lexret.errors import InputError
from lexret.files.names import is_whole
from lexret.sparse import FloatArray

ExportedValue = FieldValue | list[str]


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
    """Yield all documents in rising order of their ids, a block at a time.

    Raises:
        InputError: if a field holds bytes that are not UTF-8, or a number that is not finite.
    """
    columns = {name: vectors.field(column) for name, column in choice.columns.items()}
    first = 0
    for block in vectors.blocks():
        rows = _rows(block, vectors.vocabulary.words if with_words else None)
        documents = []
        for number, (doc_id, indices, values, words) in enumerate(rows, start=first):
            fields = {
                name: _exported(column[number], doc_id, name, is_list=name in choice.lists)
                for name, column in columns.items()
                if column[number] is not None
            }
            documents.append(SparseDocument(doc_id, indices, values, words, fields))
        first += len(documents)
        yield documents


def shortest_decimals(weights: FloatArray) -> list[float]:
    """Return weights as the shortest decimals that single precision reads as the same weights."""
    return [float(text) for text in weights.astype("U").tolist()]


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
