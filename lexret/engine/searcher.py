"""Searcher of segments: the best documents of a query over all of them, by stored weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from lexret.engine.postings.acceleration import Engine, EngineSwitch
from lexret.engine.protocol import SearchHit
from lexret.engine.segments.segment import LocalHit, Segment
from lexret.engine.store.columns import decode_text
from lexret.sparse import IdArray, LexicalVector, SparseBatch

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from lexret.engine.query.query import Query

WORTH_THREADS: Final = 5_000_000
"""Postings that take some six milliseconds; for fewer, threads cost more than they gain."""


class Searcher:
    """Searcher of the segments of one snapshot; threads may share it.

    It checks no queries and knows no corrections.

    Args:
        engine: see :class:`lexret.engine.index.EmbeddedIndex`.

    Attributes:
        switch: between the numpy and the compiled search.

    Raises:
        InputError: if there is no such engine.
    """

    def __init__(self, segments: Sequence[Segment], *, engine: Engine) -> None:
        self._segments = segments
        self.switch = EngineSwitch(engine)

    def search(self, queries: SparseBatch, *, k: int, threads: int) -> list[list[SearchHit]]:
        """Return the best ``k`` documents for each vector.

        Args:
            threads: how many queries are searched at a time.
        """
        compiled = self._use_compiled(queries.term_ids)

        def answer(query: LexicalVector) -> list[SearchHit]:
            return self._search_vector(query, k, compiled=compiled)

        if threads == 1 or len(queries) == 1:
            return [answer(query) for query in queries]
        from concurrent.futures import ThreadPoolExecutor  # loads slowly, and few searches need it

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(answer, queries))

    def find(self, query: Query, k: int) -> list[SearchHit]:
        """Return the best ``k`` documents for a whole query."""
        from lexret.engine.query.matching import find_in_segment  # not needed by a plain search

        if query.vector is not None and not query.choices and not query.has_conditions:
            compiled = self._use_compiled(query.vector.term_ids)
            return self._search_vector(query.vector, k, compiled=compiled)
        found = [
            (-hit.score, segment.id_at(hit.document))
            for segment in self._segments
            for hit in find_in_segment(segment, query, k=k)
        ]
        return _ranked(found, k)

    def score_moments(self, query: LexicalVector) -> tuple[float, float]:
        """Return the mean and the standard deviation of the scores of all live documents."""
        total, squares, num_live = 0.0, 0.0, 0
        for segment in self._segments:
            scores_N = segment.score(query.term_ids, query.weights)
            if segment.deleted is not None:
                scores_N = scores_N[~segment.deleted]
            total += float(scores_N.sum())
            squares += float(np.square(scores_N).sum())
            num_live += len(scores_N)
        mean = total / max(1, num_live)
        return mean, float(max(squares / max(1, num_live) - mean * mean, 0.0)) ** 0.5

    def _search_vector(self, query: LexicalVector, k: int, *, compiled: bool) -> list[SearchHit]:
        def search(segment: Segment) -> list[LocalHit]:
            return segment.search(query.term_ids, query.weights, k=k, compiled=compiled)

        # Only the compiled search releases the interpreter's lock.
        in_threads = (
            compiled and len(self._segments) > 1 and self._num_read(query.term_ids) >= WORTH_THREADS
        )
        by_segment = list((_pool().map if in_threads else map)(search, self._segments))
        # Ids may have to be read from the disk: only those of possible hits are.
        scores = sorted((hit.score for hits in by_segment for hit in hits), reverse=True)
        least = scores[k - 1] if len(scores) > k else 0.0
        found: list[tuple[float, bytes]] = []
        for segment, hits in zip(self._segments, by_segment, strict=True):
            kept = [hit for hit in hits if hit.score >= least]
            ids = segment.ids_at([hit.document for hit in kept])
            found.extend((-hit.score, doc_id) for hit, doc_id in zip(kept, ids, strict=True))
        return _ranked(found, k)

    def _use_compiled(self, term_ids: IdArray) -> bool:
        """Return whether queries of these words, repeats included, use the compiled search."""
        if not self.switch.is_undecided:
            return self.switch.use_compiled
        return self.switch.count(self._num_read(term_ids), lambda: self._load_compiled(term_ids))

    def _num_read(self, term_ids: IdArray) -> int:
        """Return how many postings a search for some words reads."""
        ptrs = [segment.posting_lists.indptr for segment in self._segments]
        return sum(int((ptr[term_ids + 1] - ptr[term_ids]).sum()) for ptr in ptrs)

    def _load_compiled(self, term_ids: IdArray) -> None:
        """Run the compiled search for some words, all of one weight, so that it is loaded."""
        terms_T = np.array(sorted(set(term_ids.tolist())), np.int32)
        for segment in self._segments:
            segment.search(terms_T, np.ones(len(terms_T), np.float32), k=10, compiled=True)


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that search segments, shared by all indexes of the process."""
    from concurrent.futures import ThreadPoolExecutor  # loads slowly, and few searches need it

    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="lexret-segments")


def _ranked(found: list[tuple[float, bytes]], k: int) -> list[SearchHit]:
    """Return the best ``k`` of (negative score, id) as hits."""
    return [
        SearchHit(decode_text(encoded), 0.0 - negative, rank)
        for rank, (negative, encoded) in enumerate(sorted(found)[:k], start=1)
    ]
