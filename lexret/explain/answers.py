"""Search with reasons: hits, and what each word adds to their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lexret.engine.protocol import Index, SearchHit
from lexret.explain.contributions import Contribution, add_up, contribute
from lexret.sparse import FloatArray, IdArray, LexicalVector, WordWeight

if TYPE_CHECKING:
    from lexret.engine.query.query import Query


class ExplainingIndex(Index, Protocol):
    """An index that answers whole queries and tells the weights behind its scores."""

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Return the top ``k`` documents for a whole query; see ``QueryIndex.find``."""
        ...

    def weights(self, doc_ids: Sequence[str], term_ids: IdArray) -> FloatArray:
        """Return the (len(doc_ids), len(term_ids)) weights of words in documents."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """One hit and why it was found.

    Attributes:
        doc_id: the document; of a picture, its path relative to the indexed folder.
        score: dot product of query and picture.
        rank: from 1.
        words: the shared words by falling product; the products add up to the score.
        asked: words of the query by falling query weight, of alternatives only those of the best;
            those that the document lacks are among them, the others may be left out (so two
            answers are equal without it).
    """

    doc_id: str
    score: float
    rank: int
    words: tuple[Contribution, ...]
    asked: Sequence[WordWeight] = field(default=(), compare=False)

    @property
    def missing(self) -> tuple[WordWeight, ...]:
        """The words that were asked for and that the document lacks, by falling query weight."""
        held = {one.word for one in self.words}
        return tuple(one for one in self.asked if one.word not in held)


def as_query(query: LexicalVector | Query) -> Query:
    """Return a vector as the query that looks for it; a query as it is."""
    if isinstance(query, LexicalVector):
        from lexret.engine.query.query import Query as WholeQuery  # a plain search needs it not

        return WholeQuery(vector=query)
    return query


def answer(index: ExplainingIndex, query: LexicalVector | Query, *, k: int = 10) -> list[Answer]:
    """Search an index with one query and explain every hit.

    Where a query has alternatives, a word counts in a hit with its weight in the query's vector
    plus its weights in those alternatives that are the best for this hit.

    Raises:
        MismatchError: if the query is of another vocabulary.
        InputError: if ``k`` is less than 1.
    """
    if isinstance(query, LexicalVector):
        (hits,) = index.search(query.as_batch(), k=k)
        vectors = [query]
    else:
        hits = index.find(query, k=k)
        vectors = query.vectors()
    # numpy's unique would import its masked arrays, a tenth of a search from the shell.
    every = {term_id for one in vectors for term_id in one.term_ids.tolist()}
    term_ids = np.array(sorted(every), dtype=np.int32)
    weights_DT = index.weights([hit.doc_id for hit in hits], term_ids)
    answers = []
    for hit, weights_T in zip(hits, weights_DT, strict=True):
        held = weights_T > 0
        image = LexicalVector(term_ids[held], weights_T[held], index.vocabulary)
        words, asked = count_words(query, image)
        answers.append(Answer(hit.doc_id, hit.score, hit.rank, words, asked))
    return answers


def count_words(
    query: LexicalVector | Query, image: LexicalVector
) -> tuple[tuple[Contribution, ...], Sequence[WordWeight]]:
    """Return what each word of a query adds to a picture's score, and the words that were asked.

    Of every choice the alternative counts that is the best for this picture.

    Raises:
        MismatchError: if query and picture are of different vocabularies.
    """
    counting = _counting_parts(query, image)
    words = add_up([contribute(part, image) for part in counting])
    return words, _words(tuple(counting))


def counting_vector(query: LexicalVector | Query, image: LexicalVector) -> LexicalVector:
    """Return the one vector that a query comes to for a picture.

    That is the sum of its vector and of the best alternative of each choice; it is empty where
    nothing of the query scores.

    Raises:
        MismatchError: if query and picture are of different vocabularies.
    """
    parts = _counting_parts(query, image)
    if len(parts) == 1:
        return parts[0]
    weights_V = np.zeros(len(image.vocabulary), dtype=np.float64)
    for part in parts:
        weights_V[part.term_ids] += part.weights
    term_ids = np.flatnonzero(weights_V).astype(np.int32)
    return LexicalVector(term_ids, weights_V[term_ids].astype(np.float32), image.vocabulary)


@lru_cache(maxsize=64)
def _words(parts: tuple[LexicalVector, ...]) -> list[WordWeight]:
    """Return the words of a query's parts together, by falling weight, once for all its hits.

    Vectors are told apart by identity.
    """
    if len(parts) == 1:
        return parts[0].words()
    weights: dict[str, float] = {}
    for one in (one for part in parts for one in part.words()):
        weights[one.word] = weights.get(one.word, 0.0) + one.weight
    by_weight = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return [WordWeight(word, weight) for word, weight in by_weight]


def _counting_parts(query: LexicalVector | Query, image: LexicalVector) -> list[LexicalVector]:
    """Return the query's vector and the best alternative of every choice."""
    if isinstance(query, LexicalVector):
        return [query]

    def score(alternative: LexicalVector) -> float:
        return math.fsum(shared.product for shared in contribute(alternative, image))

    parts = [] if query.vector is None else [query.vector]
    return parts + [max(choice.alternatives, key=score) for choice in query.choices]
