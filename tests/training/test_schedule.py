"""Schedules at the steps where they turn."""

from __future__ import annotations

import pytest

from lexret.config import TrainConfig
from lexret.training.schedule import penalty_factor, rate_factor
from lexret.training.step import random_budget


def test_rate_rises_linearly_then_falls_along_a_cosine_to_the_least() -> None:
    config = TrainConfig(warmup_steps=10, min_lr_fraction=0.1)
    assert rate_factor(0, 110, config) == pytest.approx(0.1)
    assert rate_factor(9, 110, config) == pytest.approx(1.0)
    assert rate_factor(60, 110, config) == pytest.approx(0.55)
    assert rate_factor(110, 110, config) == pytest.approx(0.1)


def test_rate_without_warm_up_starts_at_its_peak() -> None:
    assert rate_factor(0, 10, TrainConfig(warmup_steps=0)) == 1.0


def test_penalty_rises_with_the_square_of_the_step() -> None:
    config = TrainConfig(penalty_warmup_steps=4)
    factors = [penalty_factor(step, config) for step in range(5)]
    assert factors == pytest.approx([1 / 16, 4 / 16, 9 / 16, 1.0, 1.0])
    assert penalty_factor(0, TrainConfig(penalty_warmup_steps=0)) == 1.0


def test_random_budgets_stay_between_their_bounds_and_repeat() -> None:
    budgets = [random_budget((16, 256), 0, step) for step in range(200)]
    assert budgets == [random_budget((16, 256), 0, step) for step in range(200)]
    assert min(budgets) < 24
    assert max(budgets) > 170
    assert all(16 <= budget <= 256 for budget in budgets)
    # Log-uniform: half of them lie below the geometric mean, 64.
    assert 70 < sum(budget < 64 for budget in budgets) < 130
