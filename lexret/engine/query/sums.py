"""Sums and products of the vectors that a query is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary


def empty_vector(vocabulary: Vocabulary) -> LexicalVector:
    """Return a vector without words."""
    return LexicalVector(np.empty(0, np.int32), np.empty(0, np.float32), vocabulary)


def scaled(vector: LexicalVector, factor: float) -> LexicalVector:
    """Return a vector times a factor, which is not negative."""
    if not factor:
        return empty_vector(vector.vocabulary)
    weights = vector.weights * np.float32(factor)
    return LexicalVector(vector.term_ids, weights, vector.vocabulary)


def added(
    parts: Sequence[LexicalVector],
    literals: Mapping[int, float],
    scales: Mapping[int, float],
    dropped: set[int],
) -> LexicalVector:
    """Add vectors and entries, multiply entries, drop entries; in double precision."""
    vocabulary = parts[0].vocabulary
    weights_V = np.zeros(len(vocabulary), dtype=np.float64)
    for part in parts:
        vocabulary.require_same(part.vocabulary, mine="a part of the query", theirs="another")
        weights_V[part.term_ids] += part.weights
    for term_id, scale in scales.items():
        weights_V[term_id] *= scale
    for term_id, weight in literals.items():
        weights_V[term_id] += weight
    weights_V[list(dropped)] = 0.0
    rounded_V = weights_V.astype(np.float32)
    term_ids = np.flatnonzero(rounded_V > 0).astype(np.int32)
    return LexicalVector(term_ids, rounded_V[term_ids], vocabulary)


@dataclass(frozen=True, eq=False)
class Addends:
    """What words outside of brackets, or those of an alternative, add to a query's vector.

    Attributes:
        text: the vector of what the text encoder was given; it may be empty.
        literals: term id -> weight that is added.
        scales: term id -> what the weight of the sum is multiplied by.
    """

    text: LexicalVector
    literals: Mapping[int, float]
    scales: Mapping[int, float]

    def total(self, others: Sequence[LexicalVector], dropped: set[int]) -> LexicalVector:
        """Return the sum of these and of other vectors, without dropped words."""
        parts = [*others, *([self.text] if len(self.text) else [])]
        if len(parts) == 1 and not (self.literals or self.scales or dropped):
            return parts[0]
        return added(parts or [self.text], self.literals, self.scales, dropped)
