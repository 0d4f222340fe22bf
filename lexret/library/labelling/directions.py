"""Directions of classes: the mean of the examples, less what all pictures have, and the name.

Legend: V words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.library.labelling.sureness import Curve, Curves
from lexret.sparse import LexicalVector

Values = npt.NDArray[np.float64]

INDEX_SHARE: Final = 0.5
"""How much of the index's mean is taken away."""


def name_share(num_examples: int) -> float:
    """Return how much a name counts beside the mean of so many examples, both of length 1."""
    return 4.0 / math.sqrt(max(1, num_examples))


def least_fit(num_examples: int) -> float:
    """Return how well the mean of so many examples must fit a name for it to count.

    It is told in standard deviations of the index, above the index's mean. People mostly give names
    that are right, and one picture in eight of a class fits its name no better than others do: one
    example must be far off to speak against a name, ten must fit it clearly.
    """
    return 1.0 - 1.5 / num_examples


@dataclass(frozen=True, slots=True)
class NameEvidence:
    """Name of a class as a query.

    Attributes:
        query: the query, of length 1.
        spread: standard deviation of the index's products with it.
    """

    query: LexicalVector
    spread: float


@dataclass(frozen=True, eq=False)
class Direction:
    """Direction of a class: what a picture is multiplied with for its score.

    Attributes:
        values_V: of length 1.
        curve: from the score to how sure the class is.
        is_named: whether the name counts.
        is_doubtful: whether it would not, were there another example that fits it as little.
    """

    values_V: Values
    curve: Curve
    is_named: bool
    is_doubtful: bool


class Directions:
    """Maker of the directions of classes.

    Args:
        index_mean_V: the mean of the index's vectors, each of length 1.
        names: number of a class -> its name, where that is known.
        curves: from scores to how sure classes are.

    Attributes:
        shift_V: what is taken away from pictures and means.
    """

    def __init__(
        self, index_mean_V: Values, names: Mapping[int, NameEvidence], curves: Curves
    ) -> None:
        self._index_mean_V, self._names, self._curves = index_mean_V, names, curves
        self.shift_V = INDEX_SHARE * index_mean_V

    def of(self, number: int, sum_V: Values, num_examples: int) -> Direction:
        """Return the direction of a class, by the sum of its examples, each of length 1."""
        mean_V = sum_V / max(1, num_examples)
        values_V = _unit(mean_V - self.shift_V) if num_examples else np.zeros_like(mean_V)
        name = self._names.get(number)
        fit = math.inf if name is None or not num_examples else self._fit(name, mean_V)
        is_named = name is not None and (not num_examples or fit >= least_fit(num_examples))
        if name is not None and is_named:
            values_V[name.query.term_ids] += name_share(num_examples) * name.query.weights
            values_V = _unit(values_V)
        curve = self._curves.of(num_examples, is_named=is_named)
        return Direction(values_V, curve, is_named, is_named and fit < least_fit(num_examples + 1))

    def _fit(self, name: NameEvidence, mean_V: Values) -> float:
        """Return how far above the index's mean examples fit a name, in standard deviations."""
        own = name.query.term_ids
        above = float((mean_V[own] - self._index_mean_V[own]) @ name.query.weights)
        return above / name.spread if name.spread > 0 else -math.inf


def _unit(values_V: Values) -> Values:
    length = np.linalg.norm(values_V)
    return values_V / length if length > 0 else values_V
