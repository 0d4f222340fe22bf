"""The best documents for a query, from candidates that Milvus finds: exact, or refused.

An unseen row's inner product is at most that of the last one seen, so once enough candidates score
higher, nothing that was not looked at can be better. Milvus adds up in single precision: how far
that may be off is known, as no product is negative, and is allowed for.

Alternatives are searched one by one: a query of a vector q and choices of alternatives scores the
greatest of q + a over the ways to take one alternative a of each choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from lexret.engine.protocol import Document, SearchHit
from lexret.engine.query.descriptions import describe_conditions
from lexret.engine.query.document_scorer import DocumentScorer, query_terms
from lexret.engine.query.query import Query
from lexret.engine.store.columns import FieldValue, decode_text
from lexret.errors import BackendError, InputError
from lexret.interop.engines.milvus import MAX_HITS
from lexret.interop.milvus.collection import MilvusCollection
from lexret.interop.milvus.rows import check_weights, expression_of
from lexret.interop.milvus.weights import Weights, weights_for
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary

MAX_WAYS: Final = 64
_SPARE: Final = 8
_GROWTH: Final = 4
_READ_AT_ONCE: Final = 500
_ROUNDING: Final = 2.0**-24  # of single precision


@dataclass(frozen=True, slots=True)
class Candidate:
    """Document that may be a hit.

    Attributes:
        row: of its vector.
        doc_id: as stored.
        fields: returns one of its fields.
    """

    row: int
    doc_id: bytes
    fields: Callable[[str], FieldValue]


class CandidateIndex(Protocol):
    """Index whose vectors are in a collection."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the vectors."""
        ...

    @property
    def collection(self) -> MilvusCollection:
        """Where the vectors are."""
        ...

    def candidates(self, rows: Sequence[int]) -> list[Candidate | None]:
        """Return the documents that rows are of, ``None`` for rows of none."""
        ...

    def vectors_of(self, rows: Iterable[int]) -> dict[int, Weights]:
        """Return the vectors of rows."""
        ...

    def document(self, doc_id: str) -> Document:
        """Return a document and its fields."""
        ...


@dataclass(frozen=True)
class Asked:
    """What Milvus is asked for the candidates of a query.

    Attributes:
        vectors: one for each way to take alternatives, term id -> weight; none of them empty.
        slack: how much of a score single precision may lose or add, as a share.
    """

    vectors: tuple[Mapping[int, float], ...]
    slack: float

    @classmethod
    def of(cls, query: Query, vocabulary: Vocabulary) -> Asked:
        """Return the searches for a query that scores.

        Raises:
            InputError: if there are too many ways to take alternatives, or a weight is too small or
                large for single precision.
        """
        for vector in query.vectors():
            check_weights(vector, what="The query")
        num_ways = int(np.prod([len(choice.alternatives) for choice in query.choices] or [1]))
        if num_ways > MAX_WAYS:
            raise InputError(
                f"The alternatives in brackets, (a OR b), can be taken in {num_ways} ways; the "
                f"backend milvus searches at most {MAX_WAYS}. Ask for fewer alternatives."
            )
        base = [] if query.vector is None else [query.vector]
        ways = itertools.product(*(choice.alternatives for choice in query.choices))
        sums = [_added([*base, *way], len(vocabulary)) for way in ways]
        vectors = tuple(words for words in sums if words)
        # One rounding a product, one an addition, one of each weight of a sum.
        longest = max((len(words) for words in vectors), default=0)
        return cls(vectors, (longest + 3) * _ROUNDING * 1.01)


def _added(vectors: Sequence[LexicalVector], num_words: int) -> dict[int, float]:
    total_V = np.zeros(num_words, np.float64)
    for vector in vectors:
        total_V[vector.term_ids] += vector.weights
    term_ids = np.flatnonzero(total_V)
    return dict(zip(term_ids.tolist(), total_V[term_ids].astype(np.float32).tolist(), strict=True))


def find_best(index: CandidateIndex, query: Query, k: int) -> list[SearchHit]:
    """Return the exact top ``k`` of an index for a checked query that scores.

    Raises:
        InputError: if the most that Milvus gives does not tell them.
        BackendError: if Milvus scores wrongly, or does not answer.
    """
    asked = Asked.of(query, index.vocabulary)
    if not asked.vectors:
        return []
    judge = _Judge(index, query, asked.slack)
    expression = expression_of(query.filters)
    limit = min(MAX_HITS, k + _SPARE + len(query.without))
    while True:
        lists = index.collection.search(asked.vectors, limit=limit, expression=expression)
        told: dict[int, float] = {}
        for row, score in (found for hits in lists for found in hits):
            told[row] = max(score, told.get(row, 0.0))
        unseen = [hits[-1][1] for hits in lists if len(hits) == limit]
        best = judge.best(told, k)
        if not unseen or judge.is_proven(best, k, max(unseen)):
            return _as_hits(best[:k])
        if limit == MAX_HITS:
            raise InputError(_refusal(query, index.vocabulary, k))
        limit = min(MAX_HITS, limit * _GROWTH)


class _Judge:
    """Scores candidates exactly, and holds a query's conditions against them, each once."""

    def __init__(self, index: CandidateIndex, query: Query, slack: float) -> None:
        self._index, self._query, self._slack = index, query, slack
        self._terms_T = query_terms(query)
        self._without = {doc_id.encode("utf-8", "surrogateescape") for doc_id in query.without}
        # Of a row: (negative score, id) of a hit; None of what is none.
        self._judged: dict[int, tuple[float, bytes] | None] = {}

    def best(self, told: Mapping[int, float], k: int) -> list[tuple[float, bytes]]:
        """Return (negative score, id) of the hits among rows, best first.

        Rows that cannot be among the best ``k`` of them are not looked at.

        Args:
            told: what Milvus says that rows score.
        """
        order = sorted(told, key=lambda row: (-told[row], row))
        hits: list[tuple[float, bytes]] = []
        start, size = 0, k + _SPARE
        while start < len(order):
            if self.is_proven(hits, k, told[order[start]]):
                break
            rows = order[start : start + min(size, _READ_AT_ONCE)]
            self._judge([row for row in rows if row not in self._judged], told)
            hits += [hit for row in rows if (hit := self._judged[row]) is not None]
            hits.sort()
            start += len(rows)
        return hits

    def is_proven(self, hits: Sequence[tuple[float, bytes]], k: int, most: float) -> bool:
        """Whether the first ``k`` hits are better than whatever scores at most so much there."""
        return len(hits) >= k and -hits[k - 1][0] > most * (1 + 2 * self._slack)

    def _judge(self, rows: Sequence[int], told: Mapping[int, float]) -> None:
        candidates = self._index.candidates(rows)
        kept = []
        for row, candidate in zip(rows, candidates, strict=True):
            self._judged[row] = None
            if candidate is not None and self._is_wanted(candidate):
                kept.append(candidate)
        if not kept:
            return
        vectors = self._index.vectors_of(candidate.row for candidate in kept)
        for candidate in kept:
            weights_T = weights_for(vectors[candidate.row], self._terms_T)
            document = DocumentScorer(self._terms_T, weights_T)
            score = document.score(self._query)
            self._check_score(score, told[candidate.row])
            if score > 0 and document.meets(self._query):
                self._judged[candidate.row] = (-score, candidate.doc_id)

    def _check_score(self, score: float, told: float) -> None:
        # A document may be told for another way to take alternatives than its best.
        if told > score * (1 + 2 * self._slack) or (
            not self._query.choices and told < score * (1 - 2 * self._slack)
        ):
            raise BackendError(
                f"{self._index.collection.place} scores wrongly: it gave {told:.9g} where the "
                f"inner product is {score:.9g}. Its answers cannot be used."
            )

    def _is_wanted(self, candidate: Candidate) -> bool:
        if candidate.doc_id in self._without:
            return False
        filters = self._query.filters
        if not filters:
            return True
        doc_id = decode_text(candidate.doc_id)
        return all(
            condition.meets(doc_id, candidate.fields) != condition.negated for condition in filters
        )


def _as_hits(found: Sequence[tuple[float, bytes]]) -> list[SearchHit]:
    return [
        SearchHit(decode_text(doc_id), -negative, rank)
        for rank, (negative, doc_id) in enumerate(found, start=1)
    ]


def _refusal(query: Query, vocabulary: Vocabulary, k: int) -> str:
    conditions = describe_conditions(query, vocabulary)
    if not conditions:
        return (
            f"The backend milvus gives at most {MAX_HITS:,} pictures, which do not tell the best "
            f"{k:,}: too many are asked for, or too many score the same. Ask for fewer, or for "
            "more words."
        )
    return (
        f"The backend milvus gives at most {MAX_HITS:,} pictures, and among them too few meet "
        f"{', '.join(conditions)} to tell the best {k:,}. Leave one out, or ask for words that "
        "such pictures hold."
    )
