"""Pictures beside words: what of a picture counts in a query that has words as well.

"Like this photo, in the snow": the photo shows a dog on grass, and pictures in the snow show no
grass. Added up as they are, the photo's hundred words outvote the few of the text. So a word of the
photo counts as far as pictures that the words find show it, too; and of these, those count that are
like the photo. With p the photo's NUM_WORDS strongest words, of length 1 (of several photos, those
of the sum of their vectors) and x the K pictures that fit the words best::

    m = sum of (x . p) ** LIKENESS_POWER * x / sum of (x . p) ** LIKENESS_POWER
    q = words + PICTURE_WEIGHT * unit(min(p, m))

The query stays one vector over the vocabulary, so every backend takes it and every score can be
explained. Conditions and filters do not count for m, so that they change no score. The values were
chosen on photos that no figure is reported of; ``lexret eval mixed`` measures them.

Legend: K pictures, T words of the photo, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lexret.engine.query.query import Query
from lexret.sparse import LexicalVector, SparseBatch

if TYPE_CHECKING:
    from lexret.explain.answers import ExplainingIndex
    from lexret.vocabulary import Vocabulary

PICTURE_WEIGHT: Final = 0.8
"""Length of what counts of pictures; that of a text is 1."""
LIKENESS_POWER: Final = 4
NUM_WORDS: Final = 100
"""More words of a photo find no better, and take longer."""
_MOST_FOUND: Final = 100
_FEWEST_FOUND: Final = 20
_ONE_OF: Final = 10


def num_found(num_pictures: int) -> int:
    """Return how many pictures the words of a query find, in an index of so many: K."""
    return min(_MOST_FOUND, max(_FEWEST_FOUND, num_pictures // _ONE_OF))


def fitted_to_words(
    pictures: Sequence[LexicalVector], words: Query, index: ExplainingIndex
) -> LexicalVector:
    """Return what counts of pictures beside the words of a query.

    Pictures that have nothing in common with what the words find count as they are.

    Args:
        pictures: their vectors, at least one.
        words: the query without them; only its scores count, and the pictures that are no answers.
        index: what is searched.
    """
    whole = _strongest_of_sum(pictures)
    found = index.find(
        replace(words, required=(), excluded=(), filters=()), k=num_found(len(index))
    )
    shown_KT = index.weights([hit.doc_id for hit in found], whole.term_ids).astype(np.float64)
    likeness_K = (shown_KT * whole.weights).sum(axis=1) ** LIKENESS_POWER
    if not likeness_K.any():
        return _of_length(whole, PICTURE_WEIGHT)
    mean_T = (likeness_K[:, None] * shown_KT).sum(axis=0) / likeness_K.sum()
    return _of_length(_positive(whole, np.minimum(whole.weights, mean_T)), PICTURE_WEIGHT)


def _strongest_of_sum(vectors: Sequence[LexicalVector]) -> LexicalVector:
    """Return the strongest words of the sum of vectors, each of length 1; it has length 1, too."""
    vocabulary: Vocabulary = vectors[0].vocabulary
    total_V = np.zeros(len(vocabulary), dtype=np.float64)
    for vector in SparseBatch.from_vectors(vectors, vocabulary).normalized():
        total_V[vector.term_ids] += vector.weights
    rows = SparseBatch.from_dense(total_V[None], vocabulary, max_words=NUM_WORDS)
    return _of_length(rows.row(0), 1)


def _positive(vector: LexicalVector, weights_T: npt.NDArray[np.float64]) -> LexicalVector:
    """Return a vector with other weights, without the words that have none."""
    weights = weights_T.astype(np.float32)
    held = weights > 0
    return LexicalVector(vector.term_ids[held], weights[held], vector.vocabulary)


def _of_length(vector: LexicalVector, length: float) -> LexicalVector:
    weights = vector.weights.astype(np.float64)
    if not len(weights):
        return vector
    scaled = (weights * (length / np.sqrt(np.square(weights).sum()))).astype(np.float32)
    return LexicalVector(vector.term_ids, scaled, vector.vocabulary)
