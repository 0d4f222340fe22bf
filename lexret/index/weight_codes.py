"""Weights in 8 bits: 255 values in equal ratios, the same for every index.

Because the values do not depend on the data, merging segments never rounds a weight twice.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

# Sixteen steps an octave; code 1 stands for the smallest value.
_STEPS: Final = 16
_SMALLEST: Final = 2.0**-11

# (256,) what each code stands for; code 0 is of no posting.
VALUES: Final = np.concatenate([[0.0], _SMALLEST * np.exp2(np.arange(255) / _STEPS)]).astype(
    np.float32
)
VALUES.setflags(write=False)
# A weight within the range is off by at most this share of itself.
MAX_RELATIVE_ERROR: Final = 2.0 ** (1 / (2 * _STEPS)) - 1.0


def to_codes(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return the codes, 1 to 255, of the values nearest in ratio; beyond the range, its end.

    Args:
        weights: greater than zero.
    """
    steps = np.rint(_STEPS * np.log2(weights.astype(np.float64) / _SMALLEST))
    codes: npt.NDArray[np.uint8] = (steps.clip(0, 254) + 1).astype(np.uint8)
    return codes


def from_codes(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the weights that codes stand for."""
    values: npt.NDArray[np.float32] = VALUES[codes]
    return values


def largest_relative_error(weights: npt.NDArray[np.float32], codes: npt.NDArray[np.uint8]) -> float:
    """Return the largest ``|value - weight| / weight``; 0 without weights."""
    if not len(weights):
        return 0.0
    exact = weights.astype(np.float64)
    return float((np.abs(from_codes(codes) - exact) / exact).max())
