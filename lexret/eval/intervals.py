"""Intervals of measured figures by the bootstrap, and tests between two runs.

Whole groups of queries are drawn (all captions of one picture belong together and are not
independent), and queries alone: the collection stays as it is. Legend: G groups, Q queries,
M measures, S draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError

Values = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

NUM_DRAWS: Final = 2000
_LEVEL: Final = 0.95
_CHUNK_DRAWS: Final = 250


@dataclass(frozen=True, slots=True)
class Interval:
    """Interval of a figure: the middle 95% of its values over bootstrap draws."""

    low: float
    high: float

    def as_list(self) -> list[float]:
        """Return [low, high], rounded as reports print it."""
        return [round(self.low, 4), round(self.high, 4)]


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two runs over the same queries, by one measure.

    Attributes:
        first: the first run's figure.
        second: the second run's figure.
        interval: of ``second - first``, over draws of the same groups for both.
        p_value: two-sided, of the paired randomisation test.
    """

    first: float
    second: float
    interval: Interval
    p_value: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON prints it."""
        return {
            "first": round(self.first, 4),
            "second": round(self.second, 4),
            "difference": round(self.second - self.first, 4),
            "interval": self.interval.as_list(),
            "p_value": round(self.p_value, 6),
        }


def query_values(ranks: npt.NDArray[Any], precisions: Values | None = None) -> dict[str, Values]:
    """Return each query's contribution to R@1, R@5, R@10 and mAP, in percent.

    Args:
        ranks: (Q,) of the best answer, from 1; infinite where it was not found.
        precisions: (Q,) average precisions; None: 1 / rank.
    """
    shares = 1.0 / ranks if precisions is None else precisions
    values = {f"R@{k}": ranks <= k for k in (1, 5, 10)} | {"mAP": shares}
    return {name: 100.0 * value.astype(np.float64) for name, value in values.items()}


def bootstrap_intervals(
    values: Mapping[str, Values],
    groups_Q: Groups | None = None,
    *,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return 95% percentile intervals (Efron and Tibshirani, 1993, chapter 13) of means.

    Args:
        values: measure -> (Q,) each query's contribution.
        groups_Q: the group of each query, from 0; None: each query is a group.

    Raises:
        InputError: if there are no queries or the arrays differ in length.
    """
    sums_GM, counts_G = _group_sums(values, groups_Q)
    means_SM = np.concatenate(
        [
            (draws_SG @ sums_GM) / (draws_SG @ counts_G)[:, None]
            for draws_SG in _draws(len(counts_G), num_draws, seed)
        ]
    )
    return {name: _interval(means_SM[:, m]) for m, name in enumerate(values)}


def compare(
    first: Mapping[str, Values],
    second: Mapping[str, Values],
    groups_Q: Groups | None = None,
    *,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compare two runs over the same queries.

    The test turns the sign of each group's difference at random: if the runs were alike, so would
    the signs be (Smucker, Allan and Carterette, CIKM 2007). The p value is the share of draws whose
    difference is at least as large, the observed one counted among them.

    Raises:
        InputError: if the runs do not have the same measures and queries.
    """
    if list(first) != list(second):
        raise InputError(f"One run has the measures {list(first)}, the other {list(second)}.")
    sums_GM, counts_G = _group_sums(
        {**{f"1 {k}": v for k, v in first.items()}, **{f"2 {k}": v for k, v in second.items()}},
        groups_Q,
    )
    num_queries, num_measures = counts_G.sum(), len(first)
    differences_GM = sums_GM[:, num_measures:] - sums_GM[:, :num_measures]
    observed_M = np.abs(differences_GM.sum(axis=0))
    drawn, as_large_M = [], np.ones(num_measures)
    for draws_SG in _draws(len(counts_G), num_draws, seed):
        drawn.append((draws_SG @ differences_GM) / (draws_SG @ counts_G)[:, None])
    rng = np.random.default_rng(seed + 1)
    for start in range(0, num_draws, _CHUNK_DRAWS):
        size = (min(_CHUNK_DRAWS, num_draws - start), len(counts_G))
        signs_SG = rng.integers(0, 2, size=size) * 2.0 - 1.0
        # The observed sum itself is drawn as well; rounding must not make it smaller.
        turned_SM = np.abs(signs_SG @ differences_GM)
        as_large_M += (turned_SM >= observed_M * (1 - 1e-9) - 1e-9).sum(axis=0)
    drawn_SM, means_M = np.concatenate(drawn), sums_GM.sum(axis=0) / num_queries
    return {
        name: Difference(
            float(means_M[m]),
            float(means_M[num_measures + m]),
            _interval(drawn_SM[:, m]),
            float(as_large_M[m] / (num_draws + 1)),
        )
        for m, name in enumerate(first)
    }


def _group_sums(
    values: Mapping[str, Values], groups_Q: Groups | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (G, M) sums and (G,) numbers of queries; groups without a query are left out."""
    lengths = {len(value) for value in values.values()}
    if groups_Q is not None:
        lengths.add(len(groups_Q))
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"Found values of {sorted(lengths)} queries; expected one number above 0.")
    groups = (
        np.arange(*lengths) if groups_Q is None else np.unique(groups_Q, return_inverse=True)[1]
    )
    sums = [np.bincount(groups, weights=value) for value in values.values()]
    return np.stack(sums, axis=1), np.bincount(groups).astype(np.float64)


def _draws(num_groups: int, num_draws: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yield (S, G) how often each group is drawn."""
    rng = np.random.default_rng(seed)
    even = np.full(num_groups, 1.0 / num_groups)
    for start in range(0, num_draws, _CHUNK_DRAWS):
        size = min(_CHUNK_DRAWS, num_draws - start)
        yield rng.multinomial(num_groups, even, size=size).astype(np.float64)


def _interval(drawn_S: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn_S, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(float(low), float(high))
