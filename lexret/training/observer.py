"""Observers of training runs."""

from __future__ import annotations

from typing import Protocol

from lexret.eval.retrieval.recall import RetrievalResult
from lexret.training.step import StepLosses


class Observer(Protocol):
    """Observer of a training run; the command line draws its progress bars as one.

    Of several processes only the leading one reports.
    """

    def note(self, message: str) -> None:
        """The run departs from its recipe; the message says how and why."""

    def shards(self, name: str, done: int, total: int) -> None:
        """``done`` shards of the split ``name`` are indexed."""

    def features(self, name: str, done: int, total: int) -> None:
        """Frozen features of ``done`` of the items called ``name`` are ready."""

    def initialisation(self, step: int, num_steps: int) -> None:
        """``step`` of the ``num_steps`` steps that initialise the network are done."""

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None:
        """``step`` of ``num_steps`` steps are done."""

    def dev(self, step: int, result: RetrievalResult) -> None:
        """The dev split was evaluated after ``step`` steps."""


class SilentObserver:
    """Observer that ignores everything, for the processes that do not lead."""

    def note(self, message: str) -> None: ...

    def shards(self, name: str, done: int, total: int) -> None: ...

    def features(self, name: str, done: int, total: int) -> None: ...

    def initialisation(self, step: int, num_steps: int) -> None: ...

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None: ...

    def dev(self, step: int, result: RetrievalResult) -> None: ...
