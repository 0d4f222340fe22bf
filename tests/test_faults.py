"""No command loses anything, wherever it is cut off: by a kill, a loss of power, a full disk.

What is tried and found is in docs/reliability.md; ``python -m tests.test_faults`` counts it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lexret.errors import LexretError
from tests.faults import AT_THE_END, FAULTS, Crash, Injector, distinct, injected, recorded
from tests.writing_commands import WRITINGS, Refused, Writing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/fd")

MEMORY = Path("/dev/shm")
PROJECT = Path(__file__).parents[1]


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder in memory, where there is such a thing: real disks sync slowly."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lexret-faults-", dir=place) as folder:
        yield Path(folder).resolve() / "root"


@dataclass
class Tried:
    """What was tried of a command.

    Attributes:
        points: how many crashes or faults, by their kind.
        states: different states among those of crashes.
        lost: descriptions of those that were not survived.
    """

    points: Counter[str] = field(default_factory=Counter)
    states: int = 0
    lost: list[str] = field(default_factory=list)


class Trial:
    """A command that is cut off in a folder."""

    def __init__(self, writing: Writing, root: Path) -> None:
        self.writing, self.root = writing, root
        root.mkdir()
        writing.prepare(root)
        self.start = recorded_state(root)
        self.before = writing.read(root)
        self.start.restore(root)
        with recorded(root) as recorder:
            writing.command(root)
        self.after = writing.read(root)
        assert self.after != self.before
        self.crashes, self.num_operations = recorder.crashes, recorder.point
        self.tried = Tried()

    def try_crashes(self, crashes: Sequence[Crash]) -> None:
        """Restore what crashes leave, and see what a reader and the command make of it."""
        for crash in crashes:
            crash.restore(self.root)
            self._check(f"{crash.kind} after operation {crash.point}")

    def try_end(self) -> None:
        """See that what the command has done is there for good once it has ended."""
        end = self.crashes[-1]
        assert end.kind == AT_THE_END
        end.restore(self.root)
        self.tried.points["power lost"] += 1
        try:
            found = self.writing.read(self.root)
        except Exception as error:
            found = repr(error)
        if found != self.after:
            self.tried.lost.append(f"{AT_THE_END}: {found}")

    def try_fault(self, kind: str, at: int) -> Injector:
        """Let an operation fail, and see what became of it."""
        self.start.restore(self.root)
        case = f"{kind} at operation {at}"
        with injected(self.root, kind, at) as injector:
            try:
                self.writing.command(self.root)
            except (LexretError, Refused, KeyboardInterrupt) as error:
                if kind == "interruption" and isinstance(error, LexretError):
                    self.tried.lost.append(f"{case} ({injector.fired}): an error: {error!r}")
            except BaseException as error:
                self.tried.lost.append(f"{case} ({injector.fired}): unclear: {error!r}")
        if injector.fired:
            self.tried.points[kind] += 1
            self._check(f"{case} ({injector.fired})")
        return injector

    def try_sigkill(self, name: str, at: int) -> None:
        """Kill another process at an operation."""
        self.start.restore(self.root)
        command = [sys.executable, "-m", "tests.writing_commands", name, str(self.root), str(at)]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, env=environment, capture_output=True, cwd=PROJECT)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        self.tried.points["SIGKILL"] += 1
        self._check(f"SIGKILL at operation {at}")

    def _check(self, case: str) -> None:
        writing = self.writing
        try:
            found = writing.read(self.root)
        except Exception as error:
            self.tried.lost.append(f"{case}: cannot be read: {error!r}")
            return
        if found not in (self.before, self.after) and not writing.may_be(
            self.before, self.after, found
        ):
            self.tried.lost.append(f"{case}: neither old nor new: {found}")
            return
        try:
            writing.command(self.root)
            found = writing.read(self.root)
        except BaseException as error:
            self.tried.lost.append(f"{case}: again: {error!r}")
            return
        if found != self.after:
            self.tried.lost.append(f"{case}: again, it is {found}")
        rest = [path for path in self.root.rglob("*") if is_rest(path)]
        if rest:
            self.tried.lost.append(f"{case}: again, there is left: {rest}")


RESTS = (".new", "lexret-new", "lexret-old", "lexret-before", "lexret-after", ".pending.json")


def is_rest(path: Path) -> bool:
    """Whether a file or folder is what an unfinished write leaves."""
    return path.name.endswith(RESTS)


def recorded_state(root: Path) -> Crash:
    with recorded(root) as recorder:
        return recorder.crashes[0]


def attempt(name: str, root: Path, *, most: int | None = None) -> Tried:
    """Try the points of a command: all, or some of each kind.

    Args:
        most: at most so many states that crashes leave, and a quarter of that of each fault.
    """
    trial = Trial(WRITINGS[name], root)
    states = distinct(trial.crashes[:-1])
    chosen = states if most is None else some_of_each_kind(states, most, name)
    trial.tried.states = len(chosen)
    counted = trial.crashes[:-1] if most is None else chosen
    trial.tried.points += Counter(map(kind_of, counted))
    trial.try_crashes(chosen)
    trial.try_end()
    for kind in FAULTS:
        numbers = list(range(trial.num_operations + 20))  # failing may take more of them
        for at in numbers if most is None else spread(numbers[:-20], most // 4, name + kind):
            if not trial.try_fault(kind, at).fired:
                break
    return trial.tried


def spread(items: Sequence[Any], most: int, seed: str) -> list[Any]:
    """Choose some of a list, always the same, in their order."""
    chosen = random.Random(seed).sample(range(len(items)), min(most, len(items)))
    return [items[place] for place in sorted(chosen)]


def kind_of(crash: Crash) -> str:
    return crash.kind.partition(",")[0]


def some_of_each_kind(crashes: Sequence[Crash], most: int, seed: str) -> list[Crash]:
    """Choose some crashes, at least one of each kind, always the same, in their order."""
    kinds = {kind_of(crash) for crash in crashes}
    firsts = [
        spread([place for place, crash in enumerate(crashes) if kind_of(crash) == kind], 1, seed)[0]
        for kind in sorted(kinds)
    ]
    others = [place for place in range(len(crashes)) if place not in firsts]
    places = firsts + spread(others, most - len(firsts), seed)
    return [crashes[place] for place in sorted(places)]


@pytest.mark.parametrize("name", WRITINGS)
def test_a_command_that_is_cut_off_leaves_old_or_new_and_may_be_repeated(
    name: str, root: Path
) -> None:
    tried = attempt(name, root, most=12)
    assert tried.states and {"kill", "power lost", "full disk"} <= tried.points.keys()
    assert tried.lost == []


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITINGS)
def test_a_command_may_be_cut_off_at_every_operation(name: str, root: Path) -> None:
    assert attempt(name, root).lost == []


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITINGS)
def test_a_command_may_be_killed(name: str, root: Path) -> None:
    trial = Trial(WRITINGS[name], root)
    for at in spread(range(trial.num_operations), 4, name):
        trial.try_sigkill(name, at)
    assert trial.tried.lost == []


def report(names: Sequence[str]) -> Iterator[str]:
    """Yield the rows of the table in docs/reliability.md."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix="lexret-faults-", dir=MEMORY) as folder:
            tried = attempt(name, Path(folder).resolve() / "root")
        kinds = [tried.points[kind] for kind in KINDS]
        survived = sum(kinds) if not tried.lost else f"not {len(tried.lost)}"
        yield f"| {name} | {' | '.join(map(str, kinds))} | {tried.states} | {survived} |"
        for line in tried.lost[:10]:
            yield f"    {line[:400]}"


KINDS = ("kill", "power lost", "data lost", "mixed", *FAULTS)

if __name__ == "__main__":
    rows: Any = report(sys.argv[1:] or list(WRITINGS))
    for row in rows:
        print(row, flush=True)  # noqa: T201
