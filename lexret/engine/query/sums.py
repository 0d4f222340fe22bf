"""Sums and products of the vectors that a query is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
