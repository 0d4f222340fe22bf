"""Curves from the score of a class to how sure it is, fitted for `mini` by `eval/fit_labels.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class Curve:
    """Logistic curve from a score to a probability.

    Attributes:
        slope: log odds for each 1 of the score.
        offset: log odds at the score 0.
    """

    slope: float
    offset: float

    def log_odds(self, score: float) -> float:
        """Return the logarithm of how often a class of this score is right for once it is wrong."""
        return self.slope * score + self.offset


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves for each number of examples.

    Attributes:
        plain: number of examples -> curve, of classes of examples alone.
        named: the same of classes whose names count.
    """

    plain: Mapping[int, Curve]
    named: Mapping[int, Curve]

    def of(self, num_examples: int, *, is_named: bool) -> Curve:
        """Return the curve of a class.

        Between the numbers that one was fitted for, it is interpolated over their logarithms.

        Args:
            is_named: whether the name of the class counts.
        """
        curves = self.named if is_named else self.plain
        numbers = sorted(number for number in curves if number)
        if not num_examples and 0 in curves:
            return curves[0]
        places, at = np.log(numbers), math.log(max(1, num_examples))
        return Curve(
            float(np.interp(at, places, [curves[number].slope for number in numbers])),
            float(np.interp(at, places, [curves[number].offset for number in numbers])),
        )


# Fitted on 88 kinds of things and places, of 25 photos each, among 2,106 photos. docs/language.md
# says how often they are right of kinds that they were not fitted on.
CURVES: Final = Curves(
    {1: Curve(12.5, -6.88), 3: Curve(12.9, -7.97), 10: Curve(13.1, -9.00)},
    {
        0: Curve(25.1, -9.85), 1: Curve(21.8, -9.79), 3: Curve(19.7, -9.87),
        10: Curve(17.5, -10.16),
    },
)  # fmt: skip
EARLIER_CURVES: Final = Curves(
    {1: Curve(9.1, -5.4), 3: Curve(9.4, -6.1), 10: Curve(9.1, -6.65)}, {}
)
"""Curves of labels that were trained before names counted, which are applied as they were."""


def probability(log_odds: float) -> float:
    """Return the probability of log odds."""
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, log_odds))))
