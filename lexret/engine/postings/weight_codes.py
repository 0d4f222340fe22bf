"""Quantisation of weights to 8 bits: 255 values, the same for every index.

As the values do not depend on the data, merging segments never rounds a weight twice. They are
spaced by the inverse hyperbolic sine: evenly below 0.01 and in equal ratios above, so that weights
of unit vectors and weights of a few units lose at most about 1.5%.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_SMALL: Final = 0.01
# Number of codes over which the value grows by a factor of e, where values grow in equal ratios.
_STEPS: Final = 34.0

# (256,) what each code stands for, up to 9.04; no posting has code 0.
VALUES: Final = (_SMALL * np.sinh(np.arange(256) / _STEPS)).astype(np.float32)
VALUES.setflags(write=False)
# The largest error, see :func:`largest_error`, of weights up to the last value.
MAX_ERROR: Final = float(np.expm1(0.5 / _STEPS))


def to_codes(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return the codes, 1 to 255, of the nearest values; weights above the last get the last.

    Args:
        weights: greater than zero.
    """
    steps = np.rint(_STEPS * np.arcsinh(weights.astype(np.float64) / _SMALL))
    codes: npt.NDArray[np.uint8] = steps.clip(1, 255).astype(np.uint8)
    return codes


def from_codes(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the weights that codes stand for."""
    values: npt.NDArray[np.float32] = VALUES[codes]
    return values


def largest_error(weights: npt.NDArray[np.float32], codes: npt.NDArray[np.uint8]) -> float:
    """Return the largest ``|value - weight| / sqrt(weight^2 + 0.01^2)``; 0 without weights.

    For all but the smallest weights this is the relative error.
    """
    if not len(weights):
        return 0.0
    exact = weights.astype(np.float64)
    return float((np.abs(from_codes(codes) - exact) / np.hypot(exact, _SMALL)).max())
