"""Ranks without a word: where a hit would be if the query did not have the word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lexret.engine.query.query import Choice, Query
from lexret.explain.answers import ExplainingIndex, as_query
from lexret.sparse import LexicalVector

MAX_RANK: Final = 10_000
_FIRST_SEARCH: Final = 64
_GROWTH: Final = 8


@dataclass(frozen=True, slots=True)
class RankWithout:
    """Rank that a hit would have if a word had no weight in the query.

    Attributes:
        word: the word.
        rank: from 1; ``None`` if the picture would not be a hit, or only beyond ``searched``.
        searched: how many ranks were searched; ``None`` if all were.
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
    """Return the rank of a document for a query in which a word has no weight.

    The word is removed from the query's vector and its alternatives, but conditions on it stay: a
    required word is still required, and just adds nothing to the score.

    Args:
        max_rank: how many ranks to search.

    Raises:
        MismatchError: if the query is of another vocabulary.
    """
    without = without_word(as_query(query), word)
    limit = min(max_rank, max(1, len(index)))
    searched = min(_FIRST_SEARCH, limit)
    while True:
        hits = index.find(without, k=searched)
        found = next((hit.rank for hit in hits if hit.doc_id == doc_id), None)
        if found is not None:
            return RankWithout(word, found)
        if len(hits) < searched or searched >= len(index):
            return RankWithout(word, None)
        if searched == limit:
            return RankWithout(word, None, limit)
        searched = min(searched * _GROWTH, limit)


def without_word(query: Query, word: str) -> Query:
    """Return a query in which a word has no weight; conditions on it stay."""
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
