"""Explained hits: a search, and what each word adds to the score of a hit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lexret.engine.protocol import Index, SearchHit
from lexret.explain.contributions import Contribution, add_up, contribute
from lexret.sparse import FloatArray, IdArray, LexicalVector, WordWeight, distinct_ids

if TYPE_CHECKING:
    from lexret.engine.query.query import Query


class ExplainingIndex(Index, Protocol):
    """Index that answers whole queries and gives the weights behind its scores."""

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Return the top ``k`` documents for a whole query."""
        ...

    def weights(self, doc_ids: Sequence[str], term_ids: IdArray) -> FloatArray:
        """Return the (len(doc_ids), len(term_ids)) weights of words in documents."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Hit with the reasons for it.

    Attributes:
        doc_id: the document; for a picture, its path relative to the indexed folder.
        score: dot product of query and picture.
        rank: from 1.
        words: the shared words by falling product; the products add up to the score.
        asked: the query's words by falling query weight, including those that the document lacks;
            of alternatives, only the words of the best. It does not count when answers are
            compared, because an answer read from a file has only the missing words.
    """

    doc_id: str
    score: float
    rank: int
    words: tuple[Contribution, ...]
    asked: Sequence[WordWeight] = field(default=(), compare=False)

    @property
    def missing(self) -> tuple[WordWeight, ...]:
        """The query's words that the document lacks, by falling query weight."""
        held = {word.word for word in self.words}
        return tuple(word for word in self.asked if word.word not in held)


def as_query(query: LexicalVector | Query) -> Query:
    """Return a query that looks for a vector; a query is returned unchanged."""
    if isinstance(query, LexicalVector):
        from lexret.engine.query.query import Query as WholeQuery  # not needed by a plain search

        return WholeQuery(vector=query)
    return query


def answer(index: ExplainingIndex, query: LexicalVector | Query, *, k: int = 10) -> list[Answer]:
    """Search an index with one query and explain every hit.

    In a query with alternatives, the weight of a word for a hit is its weight in the query's
    vector plus its weights in those alternatives that are the best for this hit.

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
    term_ids = distinct_ids(*(vector.term_ids for vector in vectors))
    weights_DT = index.weights([hit.doc_id for hit in hits], term_ids)
    answers = []
    for hit, weights_T in zip(hits, weights_DT, strict=True):
        held = weights_T > 0
        image = LexicalVector(term_ids[held], weights_T[held], index.vocabulary)
        words, asked = contributions_to(query, image)
        answers.append(Answer(hit.doc_id, hit.score, hit.rank, words, asked))
    return answers


def contributions_to(
    query: LexicalVector | Query, image: LexicalVector
) -> tuple[tuple[Contribution, ...], Sequence[WordWeight]]:
    """Return what each word of a query adds to a picture's score, and the query's words.

    Of every choice, the alternative that is best for this picture counts.

    Raises:
        MismatchError: if query and picture are of different vocabularies.
    """
    counting = _counting_parts(query, image)
    words = add_up([contribute(part, image) for part in counting])
    return words, _words(tuple(counting))


def counting_vector(query: LexicalVector | Query, image: LexicalVector) -> LexicalVector:
    """Return the one vector whose dot product with a picture is the score of a query.

    It is the sum of the query's vector and of the best alternative of each choice, and empty if
    nothing in the query scores.

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
    """Return the words of all parts of a query by falling weight; cached for all its hits.

    The cache compares vectors by identity.
    """
    if len(parts) == 1:
        return parts[0].words()
    weights: dict[str, float] = {}
    for word in (word for part in parts for word in part.words()):
        weights[word.word] = weights.get(word.word, 0.0) + word.weight
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


def told_copies(number: int) -> str:
    """Return the note after the name of a picture that stands for others of the same file."""
    return f" and {number:,} {'copy' if number == 1 else 'copies'}" if number else ""
