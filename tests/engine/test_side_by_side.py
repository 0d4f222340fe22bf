"""Work in several threads gives what it gives in one."""

from __future__ import annotations

import threading

import pytest

from lexret.engine import side_by_side as module
from lexret.engine.side_by_side import side_by_side


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "num_processors", lambda: 4)
    monkeypatch.setattr(module, "_pools", [])


def test_results_come_in_the_order_of_the_items() -> None:
    assert side_by_side(lambda n: n * n, range(50)) == [n * n for n in range(50)]
    assert side_by_side(lambda n: n, []) == []


def test_items_are_worked_on_at_the_same_time() -> None:
    meeting = threading.Barrier(4, timeout=20)
    assert sorted(side_by_side(lambda _: meeting.wait(), range(4))) == [0, 1, 2, 3]


def test_what_the_work_raises_is_raised_after_all_is_done() -> None:
    seen = []

    def work(number: int) -> int:
        seen.append(number)
        if number in (3, 4):
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match=r"3|4"):
        side_by_side(work, range(9))
    assert sorted(seen) == list(range(9))


def test_nobody_waits_for_threads_that_are_busy() -> None:
    release = threading.Event()
    for _ in range(4):
        module._pool().submit(release.wait, 60)
    try:
        assert side_by_side(lambda n: n, range(9)) == list(range(9))
    finally:
        release.set()
