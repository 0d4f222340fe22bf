"""Weights of one vector, as Milvus gives them back.

Shapes: T words.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lexret.sparse import FloatArray, IdArray

Weights = tuple[IdArray, FloatArray]
"""Term ids, rising, and their weights."""

NO_WORDS: Final[Weights] = (np.empty(0, np.int32), np.empty(0, np.float32))


def weights_for(vector: Weights, terms_T: IdArray) -> FloatArray:
    """Return (T,) the weights of words in a vector, 0 where it lacks them."""
    term_ids, weights = vector
    result = np.zeros(len(terms_T), np.float32)
    if len(term_ids):
        at = np.minimum(np.searchsorted(term_ids, terms_T), len(term_ids) - 1)
        held = term_ids[at] == terms_T
        result[held] = weights[at[held]]
    return result
