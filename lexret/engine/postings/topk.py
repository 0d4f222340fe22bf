"""Selection of the best k of many scores, without sorting them all."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

BLOCK: Final = 256


def best(scores_N: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.int64]:
    """Return the places of the ``k`` highest scores above zero, best first, ties by place.

    The k-th highest of the maxima of blocks is a lower bound of the k-th highest score, which
    leaves few candidates; the cut among equal scores takes the lowest places.
    """
    bound = _lower_bound(scores_N, k)
    places = np.flatnonzero(scores_N >= bound) if bound > 0 else np.flatnonzero(scores_N > 0)
    scores = scores_N[places]
    if len(places) > k:
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > cut)
        level = np.flatnonzero(scores == cut)[: k - len(above)]
        keep = np.concatenate([above, level])
        places, scores = places[keep], scores[keep]
    order: npt.NDArray[np.int64] = places[np.lexsort((places, -scores))]
    return order


def _lower_bound(scores_N: npt.NDArray[np.float64], k: int) -> float:
    num_blocks = len(scores_N) // BLOCK
    if num_blocks < k:
        return 0.0
    maxima = scores_N[: num_blocks * BLOCK].reshape(num_blocks, BLOCK).max(axis=1)
    return float(np.partition(maxima, num_blocks - k)[num_blocks - k])
