"""Time limits of training runs, which hold in every stage of one."""

from __future__ import annotations

import time
from typing import Any, Final

from lexret.eval.retrieval.recall import RetrievalResult
from lexret.training.observer import Observer

TIME_IS_UP: Final = (
    "The time is up: stopped as if interrupted. The same command goes on from the last saved step, "
    "with the features that are there; the first stage of a start begins anew."
)


class TimeIsUp(Exception):
    """Signal that the time is up in a stage that has no steps of its own to stop at."""


class TimeLimit:
    """Limit on the time of a run, from now on.

    Args:
        minutes: None: there is none.
    """

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    @property
    def is_set(self) -> bool:
        """Whether there is a limit."""
        return self._end is not None

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and time.monotonic() >= self._end

    def watching(self, observer: Observer) -> Observer:
        """Return an observer that passes all on, and stops the stages before the first step."""
        return observer if self._end is None else _Watching(observer, self)


class _Watching:
    """Observer that raises :class:`TimeIsUp` between two items of a stage without steps."""

    def __init__(self, observer: Observer, limit: TimeLimit) -> None:
        self._observer, self._limit = observer, limit

    def note(self, message: str) -> None:
        self._observer.note(message)

    def shards(self, name: str, done: int, total: int) -> None:
        self._observer.shards(name, done, total)
        self._check()

    def features(self, name: str, done: int, total: int) -> None:
        self._observer.features(name, done, total)
        self._check()

    def initialisation(self, step: int, num_steps: int) -> None:
        self._observer.initialisation(step, num_steps)
        self._check()

    def step(self, step: int, num_steps: int, losses: Any) -> None:
        self._observer.step(step, num_steps, losses)

    def dev(self, step: int, result: RetrievalResult) -> None:
        self._observer.dev(step, result)

    def _check(self) -> None:
        if self._limit.is_over:
            raise TimeIsUp
