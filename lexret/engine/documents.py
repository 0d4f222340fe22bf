"""Reads whole documents back out of an index: ids, fields and vectors, in bounded memory.

Postings lie word by word; here they are turned round, some documents at a time. Shapes: D
documents of a chunk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import Document
from lexret.engine.segments.segment import Places, Segment
from lexret.engine.store.columns import FieldValue, encode_text
from lexret.sparse import FloatArray, IdArray, SparseBatch
from lexret.vocabulary import Vocabulary

Fields = Mapping[str, FieldValue]

POSTINGS_AT_ONCE: Final = 1 << 22
DOCUMENTS_AT_ONCE: Final = 1 << 14
FEW_DOCUMENTS: Final = 32


@dataclass(frozen=True, eq=False)
class StoredDocuments:
    """Some documents of an index; row i of ``vectors`` is that of document i."""

    documents: Sequence[Document]
    vectors: SparseBatch


def read_documents(
    index: EmbeddedIndex, *, wanted: Collection[str] | None = None
) -> Iterator[StoredDocuments]:
    """Yield the live documents of an index, chunk by chunk, with their vectors as stored.

    A chunk is of about ``POSTINGS_AT_ONCE`` postings, which bounds memory to some 100 MB beside
    the fields of one segment.

    Args:
        wanted: ids of the documents to read; without it, all are.
    """
    names = list(index.columns)
    for segment in index.segments:
        places_N = _wanted(segment, wanted)
        fields_of = _few_fields if len(places_N) <= FEW_DOCUMENTS else _all_fields
        fields = fields_of(segment, places_N, names)
        for places_D in _chunks(segment, places_N):
            places = places_D.tolist()
            documents = [Document(segment.doc_id(place), next(fields)) for place in places]
            read = _look_up if len(places_D) <= FEW_DOCUMENTS else _turn_round
            yield StoredDocuments(documents, read(segment, places_D, index.vocabulary))


def _wanted(segment: Segment, wanted: Collection[str] | None) -> Places:
    """Return the places of the live documents to read, rising."""
    if wanted is None:
        places: Places = np.arange(len(segment))
    else:
        found = segment.find([encode_text(one, what="Document id") for one in wanted])
        places = np.unique(np.array([place for place in found if place >= 0], dtype=np.int64))
    return places if segment.deleted is None else places[~segment.deleted[places]]


def _few_fields(segment: Segment, places_N: Places, names: Sequence[str]) -> Iterator[Fields]:
    """Look every field up in a few documents."""
    for place in places_N.tolist():
        yield {name: segment.value(name, place) for name in names}


def _all_fields(segment: Segment, places_N: Places, names: Sequence[str]) -> Iterator[Fields]:
    columns = [segment.column(name) for name in names]
    for place in places_N.tolist():
        values = [None if one is None else one.values[place] for one in columns]
        yield dict(zip(names, values, strict=True))


def _chunks(segment: Segment, places_N: Places) -> Iterator[Places]:
    a_document = max(1, segment.entry.num_postings // max(1, len(segment)))
    size = max(1, min(DOCUMENTS_AT_ONCE, POSTINGS_AT_ONCE // a_document))
    for start in range(0, len(places_N), size):
        yield places_N[start : start + size]


def _look_up(segment: Segment, places_D: Places, vocabulary: Vocabulary) -> SparseBatch:
    """Look every word up in a few documents."""
    every = np.arange(len(vocabulary), dtype=np.int32)
    return SparseBatch.from_dense(segment.weights_at(places_D.astype(np.int32), every), vocabulary)


def _turn_round(segment: Segment, places_D: Places, vocabulary: Vocabulary) -> SparseBatch:
    """Collect the vectors of rising document numbers from the postings of all words."""
    first, last = int(places_D[0]), int(places_D[-1])
    row_of = np.full(last - first + 1, -1, dtype=np.int32)
    row_of[places_D - first] = np.arange(len(places_D), dtype=np.int32)

    def rows_of(term: int) -> tuple[IdArray, FloatArray]:
        docs, weights = segment.postings(term)
        start, end = np.searchsorted(docs, (first, last + 1))
        rows = row_of[docs[start:end] - first]
        kept = rows >= 0
        return rows[kept], weights[start:end][kept]

    return SparseBatch.from_postings(
        map(rows_of, range(len(vocabulary))), len(places_D), vocabulary
    )
