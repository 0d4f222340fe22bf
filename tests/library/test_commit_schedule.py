"""The schedule of a run's commits, by a clock that the test sets."""

from __future__ import annotations

import pytest

from lexret.library.updating import commit_schedule
from lexret.library.updating.commit_schedule import CommitSchedule


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test may change."""
    now = [100.0]
    monkeypatch.setattr(commit_schedule.time, "monotonic", lambda: now[0])
    return now


def test_a_commit_is_due_after_so_many_pictures(clock: list[float]) -> None:
    schedule = CommitSchedule(_last=clock[0])
    schedule.num_waiting = commit_schedule.PICTURES_A_COMMIT - 1
    assert not schedule.is_due
    schedule.num_waiting += 1
    assert schedule.is_due
    schedule.committed()
    assert not schedule.is_due
    assert schedule.num_stored == commit_schedule.PICTURES_A_COMMIT


def test_a_commit_is_due_after_so_many_seconds_if_anything_waits(clock: list[float]) -> None:
    schedule = CommitSchedule(_last=clock[0])
    clock[0] += commit_schedule.SECONDS_A_COMMIT
    assert not schedule.is_due
    schedule.num_waiting = 1
    assert schedule.is_due
    clock[0] -= 1.0
    assert not schedule.is_due
    clock[0] += 1.0
    schedule.committed()
    schedule.num_waiting = 1
    assert not schedule.is_due  # the time begins anew with each commit
