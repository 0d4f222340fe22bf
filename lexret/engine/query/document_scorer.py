"""Scorer of single documents: what a search over postings does for all, done for one.

Shapes: T words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lexret.engine.query.query import AnyOf, Query
from lexret.sparse import FloatArray, IdArray, LexicalVector


def query_terms(query: Query) -> IdArray:
    """Return the words that a query scores or has conditions on, rising."""
    asked = [vector.term_ids for vector in query.vectors()]
    conditions = np.array(query.conditional_terms(), dtype=np.int32)
    return np.unique(np.concatenate([*asked, conditions])).astype(np.int32)


class DocumentScorer:
    """Scorer of one document, of which the weights of a query's words are known.

    Args:
        terms_T: (T) distinct words, with all of the query.
        weights_T: (T) the document's weights, 0 where it lacks a word.
    """

    def __init__(self, terms_T: IdArray, weights_T: FloatArray) -> None:
        held = zip(terms_T.tolist(), weights_T.tolist(), strict=True)
        self._weights: dict[int, float] = dict(held)

    def score(self, query: Query) -> float:
        """Return the score, added up in the order in which the search over postings does it."""
        total = 0.0 if query.vector is None else self._dot(query.vector)
        for choice in query.choices:
            total += max(self._dot(vector) for vector in choice.alternatives)
        return total

    def _dot(self, vector: LexicalVector) -> float:
        weights: npt.NDArray[np.float64] = vector.weights.astype(np.float64)
        total = 0.0
        for term, weight in zip(vector.term_ids.tolist(), weights.tolist(), strict=True):
            total += self._weights[term] * weight
        return total

    def meets(self, query: Query) -> bool:
        """Whether the conditions on words are met."""
        return all(map(self._holds, query.required)) and not any(map(self._holds, query.excluded))

    def _holds(self, condition: AnyOf) -> bool:
        return any(
            all(self._weights[holds.term_id] > holds.above for holds in words)
            for words in condition.alternatives
        )
