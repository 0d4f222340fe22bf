"""Impacts: weights as whole numbers, for engines that store term frequencies.

This is the only quantisation of weights that leaves lexret: Lucene, Anserini and CIFF get whole
numbers, and queries for them go through the same function as documents.

With a scale s, a weight w becomes q(w) = max(1, round(s w)), half to even. No word is lost, and

    |w - q(w) / s| <= 1 / (2 s)    for w >= 1 / (2 s), and below 1 / s for weaker weights.

For a query a and a document b whose weights are off by e and f, each at most E = 1 / s, their dot
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
# Up to this number, single precision, in which Lucene counts, holds every whole number.
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
    """Return a batch whose weights are impacts: whole numbers, all of which float32 can hold.

    An engine that stores impacts gives the answers of an exact search over such batches.
    Quantising impacts divided by their scale gives the same impacts.
    """
    impacts = quantize(batch.weights, scale=scale).astype(np.float32)
    return SparseBatch(batch.indptr, batch.term_ids, impacts, batch.vocabulary)


def from_impacts(batch: SparseBatch, *, scale: float) -> SparseBatch:
    """Return the weights that a batch of impacts stands for: each divided by the scale."""
    weights = (batch.weights.astype(np.float64) / scale).astype(np.float32)
    return SparseBatch(batch.indptr, batch.term_ids, weights, batch.vocabulary)


def max_error(scale: float) -> float:
    """Return the bound E of the error of a weight; see the docstring of this module."""
    return 1.0 / scale


def term_name(term_id: int) -> str:
    """Return the name of a word in other engines: ``t`` and its id, which no tokenizer splits."""
    return f"t{term_id}"
