"""View of an index as if its postings had been corrected.

A muted word is taken out of the query, which is the same as taking it out of all documents.
Corrected documents are left out of the search over the postings; they are scored here, one by one,
from their corrected weights, added up in the same order. So hits, scores and ranks are those of an
index that was made with the corrected weights.

Shapes: D corrected documents, T words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lexret.engine.corrections.corrections import Corrections
from lexret.engine.protocol import Document, SearchHit
from lexret.engine.query.document_scorer import DocumentScorer, query_terms
from lexret.engine.query.query import AnyOf, Choice, Query
from lexret.engine.store.columns import FieldValue, encode_text
from lexret.sparse import FloatArray, IdArray, LexicalVector
from lexret.vocabulary import Vocabulary

Find = Callable[[Query, int], list[SearchHit]]


class ReadableIndex(Protocol):
    """Index as the view needs it; the embedded index, which makes the view, is one."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the vectors."""
        ...

    def __contains__(self, doc_id: object) -> bool:
        """Whether the index holds a document."""
        ...

    def document(self, doc_id: str) -> Document:
        """Return a document and its fields."""
        ...

    def weights(
        self, doc_ids: Sequence[str], term_ids: Sequence[int] | npt.NDArray[np.int32]
    ) -> FloatArray:
        """Return the corrected weights of chosen words in chosen documents."""
        ...


class CorrectedView:
    """View of one snapshot of an index under some corrections.

    Corrections of words that the vocabulary lacks, and of documents that the index does not hold,
    have no effect.
    """

    def __init__(self, index: ReadableIndex, corrections: Corrections) -> None:
        self._index, words = index, index.vocabulary
        self._muted = frozenset(_term_ids(corrections.muted, words))
        self._added: dict[str, dict[int, float]] = {}
        self._removed: dict[str, frozenset[int]] = {}
        for doc_id, correction in corrections.documents.items():
            if doc_id in index:
                ids = {word: words.term_id(word) for word in correction.added}
                self._added[doc_id] = {
                    term_id: correction.added[word]
                    for word, term_id in ids.items()
                    if term_id is not None
                }
                self._removed[doc_id] = frozenset(_term_ids(correction.removed, words))

    def find(self, query: Query, find: Find, k: int) -> list[SearchHit]:
        """Return the exact top ``k`` for a query that fits the index.

        Args:
            find: the search over the postings, without corrections.
        """
        query = self._without_muted(query)
        corrected = [doc_id for doc_id in self._added if doc_id not in query.without]
        others = replace(query, without=(*query.without, *corrected)) if corrected else query
        found = [(-hit.score, encode_text(hit.doc_id, what="Document id"), hit.doc_id)
                 for hit in find(others, k)]  # fmt: skip
        if corrected:
            found += self._score(query, corrected)
        best = sorted(found)[:k]
        return [
            SearchHit(doc_id, 0.0 - low, rank)
            for rank, (low, _, doc_id) in enumerate(best, start=1)
        ]

    def apply(self, doc_ids: Sequence[str], terms_T: IdArray, weights_DT: FloatArray) -> FloatArray:
        """Correct stored weights in place, and return them."""
        if self._muted:
            weights_DT[:, np.isin(terms_T, list(self._muted))] = 0.0
        for row, doc_id in enumerate(doc_ids):
            if doc_id in self._added:
                removed, added = self._removed[doc_id], self._added[doc_id]
                for column, term in enumerate(terms_T.tolist()):
                    if term in removed:
                        weights_DT[row, column] = 0.0
                    elif term in added and term not in self._muted:
                        weights_DT[row, column] = added[term]
        return weights_DT

    def _score(self, query: Query, doc_ids: Sequence[str]) -> list[tuple[float, bytes, str]]:
        """Return (negative score, encoded id, id) of those corrected documents that are hits."""
        terms_T = query_terms(query)
        weights_DT = self._index.weights(doc_ids, terms_T)
        found = []
        for doc_id, row_T in zip(doc_ids, weights_DT, strict=True):
            document = DocumentScorer(terms_T, row_T)
            if not document.meets(query) or not self._fields_meet(query, doc_id):
                continue
            score = document.score(query)
            if score > 0 or not query.scores:
                found.append((-score, encode_text(doc_id, what="Document id"), doc_id))
        return found

    def _fields_meet(self, query: Query, doc_id: str) -> bool:
        if not query.filters:
            return True
        fields = self._index.document(doc_id).fields

        def value_of(name: str) -> FieldValue:
            return fields.get(name)

        return all(
            condition.meets(doc_id, value_of) != condition.negated for condition in query.filters
        )

    def _without_muted(self, query: Query) -> Query:
        """Return the query that finds over all words what this one finds without muted words."""
        if not self._muted:
            return query
        choices = tuple(
            Choice(tuple(self._unmuted(vector) for vector in choice.alternatives))
            for choice in query.choices
        )
        return replace(
            query,
            vector=None if query.vector is None else self._unmuted(query.vector),
            choices=choices,
            required=tuple(map(self._possible, query.required)),
            excluded=tuple(map(self._possible, query.excluded)),
        )

    def _unmuted(self, vector: LexicalVector) -> LexicalVector:
        kept = ~np.isin(vector.term_ids, list(self._muted))
        return LexicalVector(vector.term_ids[kept], vector.weights[kept], vector.vocabulary)

    def _possible(self, condition: AnyOf) -> AnyOf:
        """Drop the alternatives that no document can meet, because they ask for a muted word."""
        return AnyOf(
            tuple(
                words
                for words in condition.alternatives
                if not any(holds.term_id in self._muted for holds in words)
            )
        )


def _term_ids(words: frozenset[str], vocabulary: Vocabulary) -> list[int]:
    ids = (vocabulary.term_id(word) for word in words)
    return [term_id for term_id in ids if term_id is not None]
