"""Vectors of single documents of a segment, whose postings are stored by word.

Shapes: D documents.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Places
from lexret.sparse import FloatArray, IdArray, SparseBatch
from lexret.vocabulary import Vocabulary

FEW_DOCUMENTS: Final = 32


def vectors_at(segment: Segment, places_D: Places, vocabulary: Vocabulary) -> SparseBatch:
    """Return the vectors of documents of a segment, numbered rising, as they are stored."""
    read = _look_up if len(places_D) <= FEW_DOCUMENTS else _transpose
    return read(segment, places_D, vocabulary)


def _look_up(segment: Segment, places_D: Places, vocabulary: Vocabulary) -> SparseBatch:
    """Return the vectors of a few documents, each word looked up alone."""
    every = np.arange(len(vocabulary), dtype=np.int32)
    return SparseBatch.from_dense(segment.weights_at(places_D.astype(np.int32), every), vocabulary)


def _transpose(segment: Segment, places_D: Places, vocabulary: Vocabulary) -> SparseBatch:
    """Return the vectors of documents, numbered rising, from the postings of all words."""
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
