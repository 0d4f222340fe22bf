"""Schedules of rates and penalties: functions of the step, so that nothing has to be stored."""

from __future__ import annotations

import math
from typing import Protocol

from lexret.config import TrainConfig


class RateConfig(Protocol):
    """Configuration of a run, as far as its rate goes.

    Attributes:
        warmup_steps: steps until the peak.
        min_lr_fraction: the factor of the last step.
    """

    @property
    def warmup_steps(self) -> int: ...

    @property
    def min_lr_fraction(self) -> float: ...


def rate_factor(step: int, num_steps: int, config: RateConfig) -> float:
    """Return the factor of the peak learning rates: linear warm-up, then cosine."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    span = max(1, num_steps - config.warmup_steps)
    progress = min(1.0, (step - config.warmup_steps) / span)
    low = config.min_lr_fraction
    return low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * progress))


def penalty_factor(step: int, config: TrainConfig) -> float:
    """Return the factor of the penalty's weight: a quadratic rise (SPLADE, section 3.2)."""
    if config.penalty_warmup_steps == 0:
        return 1.0
    return min(1.0, (step + 1) / config.penalty_warmup_steps) ** 2
