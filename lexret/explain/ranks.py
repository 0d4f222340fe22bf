"""What a word is worth to a hit: the rank that the hit would have without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lexret.engine.query.query import Choice, Query
from lexret.explain.answers import ExplainingIndex, as_query
from lexret.sparse import LexicalVector

MAX_RANK: Final = 10_000
_FIRST_LOOK: Final = 64
_GROWTH: Final = 8


@dataclass(frozen=True, slots=True)
class RankWithout:
    """Where a hit would stand if the query did not weigh a word.

    Attributes:
        word: the word.
        rank: from 1; ``None`` where the picture would be no hit, or would stand beyond
            ``searched``.
        searched: how many ranks were looked at; ``None`` where all were.
    """

    word: str
    rank: int | None
    searched: int | None = None

    def __str__(self) -> str:
        if self.rank is not None:
            return str(self.rank)
        return "no hit" if self.searched is None else f">{self.searched}"


def rank_without(
    index: ExplainingIndex,
    query: LexicalVector | Query,
    doc_id: str,
    word: str,
    *,
    max_rank: int = MAX_RANK,
) -> RankWithout:
    """Return the rank of a document for a query that does not weigh a word.

    The word leaves the query's vector and its alternatives; conditions on it stay, so that a word
    that is required is still required, and just adds nothing.

    Args:
        max_rank: do not look further than so many ranks.

    Raises:
        MismatchError: if the query is of another vocabulary.
    """
    lesser = without_word(as_query(query), word)
    limit = min(max_rank, max(1, len(index)))
    looked_at = min(_FIRST_LOOK, limit)
    while True:
        hits = index.find(lesser, k=looked_at)
        found = next((hit.rank for hit in hits if hit.doc_id == doc_id), None)
        if found is not None:
            return RankWithout(word, found)
        if len(hits) < looked_at or looked_at >= len(index):
            return RankWithout(word, None)
        if looked_at == limit:
            return RankWithout(word, None, limit)
        looked_at = min(looked_at * _GROWTH, limit)


def without_word(query: Query, word: str) -> Query:
    """Return a query that does not weigh a word, its conditions unchanged."""
    vector = None if query.vector is None else _drop(query.vector, word)
    choices = tuple(
        Choice(tuple(_drop(vector, word) for vector in choice.alternatives))
        for choice in query.choices
    )
    return replace(query, vector=vector, choices=choices)


def _drop(vector: LexicalVector, word: str) -> LexicalVector:
    term_id = vector.vocabulary.term_id(word)
    if term_id is None:
        return vector
    kept = np.flatnonzero(vector.term_ids != term_id)
    return LexicalVector(vector.term_ids[kept], vector.weights[kept], vector.vocabulary)
