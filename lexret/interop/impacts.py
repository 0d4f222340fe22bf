"""Impacts: weights as whole numbers, for engines that count instead of weighing.

This is the only quantisation of weights that leaves lexret: Lucene, Anserini and CIFF get whole
numbers, and a query for them goes through the same function as the pictures did.

With a scale s, a weight w becomes q(w) = max(1, round(s w)), half to even. So no word is lost, and

    |w - q(w) / s| <= 1 / (2 s)    for w >= 1 / (2 s), and below 1 / s for weaker weights.

For a query a and a picture b whose weights are off by e and f, each at most E = 1 / s, their dot
product is off by at most E (|a|_1 + |b|_1) + n E^2, the sums running over their n shared words.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError
from lexret.sparse import FloatArray, SparseBatch

Impacts = npt.NDArray[np.int32]

DEFAULT_SCALE: Final = 100.0
# The greatest whole number up to which single precision, Lucene's own, holds every one.
MAX_IMPACT: Final = 2**24


def quantize(weights: FloatArray, *, scale: float = DEFAULT_SCALE) -> Impacts:
    """Return impacts of weights, the same shape, int32 from 1 to :data:`MAX_IMPACT`.

    Args:
        weights: finite and greater than zero, as in a :class:`~lexret.sparse.SparseBatch`.
        scale: impacts per unit of weight; finite and greater than zero.

    Raises:
        InputError: if the scale is not positive, or an impact would be greater than MAX_IMPACT.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(f"The scale of impacts is {scale}; expected a number above 0.")
    impacts = np.maximum(np.rint(weights.astype(np.float64) * scale), 1.0)
    if len(impacts) and float(impacts.max()) > MAX_IMPACT:
        raise InputError(
            f"A weight of {float(weights.max()):g} makes an impact of {impacts.max():.0f} at scale "
            f"{scale:g}; expected at most {MAX_IMPACT}. Choose a smaller scale."
        )
    return impacts.astype(np.int32)


def as_impacts(batch: SparseBatch, *, scale: float = DEFAULT_SCALE) -> SparseBatch:
    """Return a batch whose weights are impacts, whole numbers in float32 (which holds them all).

    An exact search over such batches is what every engine that gets impacts is held to.
    Impacts divided by their scale become the same impacts again.
    """
    impacts = quantize(batch.weights, scale=scale).astype(np.float32)
    return SparseBatch(batch.indptr, batch.term_ids, impacts, batch.vocabulary)


def from_impacts(batch: SparseBatch, *, scale: float) -> SparseBatch:
    """Return a batch of impacts as weights again: each divided by the scale."""
    weights = (batch.weights.astype(np.float64) / scale).astype(np.float32)
    return SparseBatch(batch.indptr, batch.term_ids, weights, batch.vocabulary)


def max_error(scale: float) -> float:
    """Return the bound E of the error of any one weight; see the head of this module."""
    return 1.0 / scale


def term_name(term_id: int) -> str:
    """Return what other engines call a word: ``t`` and its id, safe from every tokenizer."""
    return f"t{term_id}"
