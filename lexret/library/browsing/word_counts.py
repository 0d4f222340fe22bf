"""Counts of the pictures of an index that hold each word.

A picture holds a word where the word's weight reaches its level; see
:mod:`lexret.explain.sureness`. Corrections count; muted words are held by no picture.

Shapes: V words, D documents looked at together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.postings.plain import word_ranges
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Mask
from lexret.engine.vectors import read_documents
from lexret.sparse import FloatArray

Counts = npt.NDArray[np.int64]

_POSTINGS_AT_ONCE: Final = 1 << 21
_DOCUMENTS_AT_ONCE: Final = 256
# If more than one document in so many was deleted, counting the rest again is faster.
_FEW: Final = 64


@dataclass(frozen=True)
class _Counted:
    """Counts of a segment without its deleted documents."""

    deleted: Mask | None
    counts_V: Counts


class WordCounter:
    """Counter of the pictures that hold each word, which remembers what it counted.

    Segments never change, so that after a commit only new segments are counted, and documents that
    were deleted are taken off.
    """

    def __init__(self) -> None:
        self._least_V: FloatArray = np.empty(0, np.float32)
        self._counted: dict[Path, _Counted] = {}

    def count(self, index: EmbeddedIndex, levels_V: FloatArray | None) -> Counts:
        """Return (V,) how many pictures hold each word.

        Args:
            levels_V: the words' levels; None: every weight holds its word.
        """
        num_words = index.manifest.num_words
        least_V = np.zeros(num_words, np.float32) if levels_V is None else levels_V
        if index.manifest.backend is not None:
            counts_V = _held_by_documents(index, least_V)
            _correct(counts_V, index, least_V)
            return counts_V
        if not np.array_equal(least_V, self._least_V):
            self._least_V, self._counted = least_V, {}
        self._counted = {segment.folder: self._of(segment) for segment in index.segments}
        counts_V = np.zeros(num_words, np.int64)
        for counted in self._counted.values():
            counts_V += counted.counts_V
        _correct(counts_V, index, least_V)
        return counts_V

    def _of(self, segment: Segment) -> _Counted:
        before = self._counted.get(segment.folder)
        if before is None:
            return _Counted(segment.deleted, _held_in(segment, self._least_V))
        none = np.zeros(len(segment), bool)
        was = none if before.deleted is None else before.deleted
        now = none if segment.deleted is None else segment.deleted
        gone_D = np.flatnonzero(now & ~was).astype(np.int32)
        if (was & ~now).any() or len(gone_D) * _FEW > len(segment):
            return _Counted(segment.deleted, _held_in(segment, self._least_V))
        counts_V = before.counts_V.copy()
        for start in range(0, len(gone_D), _DOCUMENTS_AT_ONCE):
            docs_D = gone_D[start : start + _DOCUMENTS_AT_ONCE]
            every_V = np.arange(len(counts_V), dtype=np.int32)
            weights_DV = segment.weights_at(docs_D, every_V)
            counts_V -= ((weights_DV > 0) & (weights_DV >= self._least_V)).sum(0)
        return _Counted(segment.deleted, counts_V)


def count_held(index: EmbeddedIndex, levels_V: FloatArray | None) -> Counts:
    """Return (V,) how many pictures hold each word, counted anew; see :class:`WordCounter`."""
    return WordCounter().count(index, levels_V)


def _held_in(segment: Segment, least_V: FloatArray) -> Counts:
    """Count the documents of a segment that are not deleted, so many postings at a time."""
    lists, deleted = segment.posting_lists, segment.deleted
    if deleted is None and not least_V.any():
        return np.diff(lists.indptr)
    counts_V = np.zeros(len(least_V), np.int64)
    for first, last in word_ranges(lists.indptr, _POSTINGS_AT_ONCE):
        number = np.diff(lists.indptr[first : last + 1])
        if deleted is None:
            held = lists.weights_of(first, last) >= np.repeat(least_V[first:last], number)
        else:
            block = lists.block(first, last)
            held = block.weights >= np.repeat(least_V[first:last], number)
            held &= ~deleted[block.docs]
        running = np.zeros(len(held) + 1, np.int64)
        np.cumsum(held, out=running[1:])
        ends = np.cumsum(number)
        counts_V[first:last] = running[ends] - running[ends - number]
    return counts_V


def _held_by_documents(index: EmbeddedIndex, least_V: FloatArray) -> Counts:
    """Count documents one by one, for an index whose postings are in another engine."""
    counts_V = np.zeros(len(least_V), np.int64)
    for chunk in read_documents(index):
        terms = chunk.vectors.term_ids
        held = terms[chunk.vectors.weights >= least_V[terms]]
        counts_V += np.bincount(held, minlength=len(least_V))
    return counts_V


def _correct(counts_V: Counts, index: EmbeddedIndex, least_V: FloatArray) -> None:
    """Count what people added to pictures or took away from them."""
    stored = index.uncorrected() if index.corrections else index
    for doc_id, correction in index.corrections.documents.items():
        if doc_id not in index:
            continue
        named = map(index.vocabulary.term_id, {*correction.added, *correction.removed})
        terms_T = np.array([term for term in named if term is not None], np.int32)
        for view, sign in ((stored, -1), (index, 1)):
            weights_T = view.weights([doc_id], terms_T)[0]
            counts_V[terms_T] += sign * ((weights_T > 0) & (weights_T >= least_V[terms_T]))
    for word in index.corrections.muted:
        term = index.vocabulary.term_id(word)
        if term is not None:
            counts_V[term] = 0
