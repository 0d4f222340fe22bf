"""Who is told what happens in a run."""

from __future__ import annotations

from typing import Protocol

from lexret.eval.retrieval.recall import RetrievalResult
from lexret.training.step import StepLosses


class Observer(Protocol):
    """Told what happens; the command line draws its progress bars from it.

    Of several processes the leading one alone tells.
    """

    def note(self, message: str) -> None:
        """The run does something else than its recipe says; the message tells what and why."""

    def shards(self, name: str, done: int, total: int) -> None:
        """``done`` shards of the split ``name`` are indexed."""

    def features(self, name: str, done: int, total: int) -> None:
        """Frozen features of ``done`` of the items called ``name`` are there."""

    def start(self, step: int, num_steps: int) -> None:
        """``step`` of the ``num_steps`` steps before the vocabulary takes part are done."""

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None:
        """``step`` of ``num_steps`` steps are done."""

    def dev(self, step: int, result: RetrievalResult) -> None:
        """The dev split was evaluated after ``step`` steps."""


class Silent:
    """Passes nothing on: the observer of the processes that do not lead."""

    def note(self, message: str) -> None: ...

    def shards(self, name: str, done: int, total: int) -> None: ...

    def features(self, name: str, done: int, total: int) -> None: ...

    def start(self, step: int, num_steps: int) -> None: ...

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None: ...

    def dev(self, step: int, result: RetrievalResult) -> None: ...
