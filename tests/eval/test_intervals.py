"""Bootstrap intervals and paired tests."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.errors import InputError
from lexret.eval.intervals import bootstrap_intervals, compare, query_values


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution() -> None:
    values = {"share": 100.0 * (np.arange(400) < 120)}
    interval = bootstrap_intervals(values)["share"]
    # 30% of 400: standard error 2.29, times 1.96.
    assert interval.low == pytest.approx(30 - 4.49, abs=0.5)
    assert interval.high == pytest.approx(30 + 4.49, abs=0.5)


def test_queries_of_one_group_are_drawn_together() -> None:
    values = {"x": np.repeat(np.arange(40.0), 5)}
    alone = bootstrap_intervals(values)["x"]
    together = bootstrap_intervals(values, np.repeat(np.arange(40), 5))["x"]
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(5**0.5, rel=0.1)


def test_the_same_seed_gives_the_same_interval_and_figures_without_spread_a_point() -> None:
    values = {"x": np.random.default_rng(0).normal(size=50), "one": np.ones(50)}
    assert bootstrap_intervals(values, seed=4) == bootstrap_intervals(values, seed=4)
    assert bootstrap_intervals(values, seed=4) != bootstrap_intervals(values, seed=5)
    assert bootstrap_intervals(values)["one"].as_list() == [1.0, 1.0]


def test_equal_runs_differ_by_nothing_and_a_clear_winner_is_significant() -> None:
    generator = np.random.default_rng(1)
    first = {"x": generator.normal(size=60)}
    same = compare(first, first)["x"]
    assert (same.first, same.p_value) == (same.second, 1.0)
    assert same.interval.as_list() == [0.0, 0.0]
    better = {"x": first["x"] + 1.0 + 0.1 * generator.normal(size=60)}
    found = compare(first, better)["x"]
    assert found.p_value == pytest.approx(1 / 2001)
    assert found.interval.low > 0.9
    assert found.as_dict()["difference"] == pytest.approx(1.0, abs=0.1)


def test_the_p_value_of_five_wins_out_of_five_is_one_in_sixteen() -> None:
    found = compare({"x": np.zeros(5)}, {"x": np.ones(5)}, num_draws=8000)["x"]
    assert found.p_value == pytest.approx(2 / 32, abs=0.01)


def test_query_values_are_percent() -> None:
    values = query_values(np.array([1.0, 4.0, np.inf]))
    assert values["R@1"].tolist() == [100.0, 0.0, 0.0]
    assert values["R@5"].tolist() == [100.0, 100.0, 0.0]
    assert values["mAP"].tolist() == [100.0, 25.0, 0.0]


def test_runs_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(InputError, match="measures"):
        compare({"x": np.ones(3)}, {"y": np.ones(3)})
    with pytest.raises(InputError, match=r"\[2, 3\] queries"):
        compare({"x": np.ones(3)}, {"x": np.ones(2)})
    with pytest.raises(InputError, match=r"\[0\] queries"):
        bootstrap_intervals({"x": np.ones(0)})
