"""Work on several things at the same time, in threads that all indexes of a process share."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")

_lock = threading.Lock()
_pools: list[ThreadPoolExecutor] = []


def num_processors() -> int:
    """Return how many processors this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return (len(usable(0)) if usable else os.cpu_count()) or 1


def side_by_side(work: Callable[[S], T], items: Sequence[S]) -> list[T]:
    """Return what some work makes of each item, in order; as many at a time as processors.

    The thread that calls does its share. Where no other thread comes to it, because the
    processors are busy, it does all, and waits for nobody.

    Raises:
        BaseException: what the work raises, for one of the items.
    """
    num_helpers = min(num_processors(), len(items)) - 1
    if num_helpers < 1:
        return [work(item) for item in items]
    shared = _Shared(work, items)
    for _ in range(num_helpers):
        _pool().submit(shared.go_on)
    shared.go_on()
    return shared.results()


class _Shared(Generic[S, T]):
    """Work that several threads share, each of which takes the next item that nobody has."""

    def __init__(self, work: Callable[[S], T], items: Sequence[S]) -> None:
        self._work, self._items = work, items
        self._lock = threading.Lock()
        self._next = 0
        self._num_left = len(items)
        self._is_done = threading.Event()
        self._results: dict[int, T] = {}
        self._error: BaseException | None = None

    def go_on(self) -> None:
        """Take items until none is left."""
        while True:
            with self._lock:
                number = self._next
                self._next += 1
            if number >= len(self._items):
                return
            try:
                self._results[number] = self._work(self._items[number])
            except BaseException as error:
                self._error = error
            with self._lock:
                self._num_left -= 1
                if not self._num_left:
                    self._is_done.set()

    def results(self) -> list[T]:
        """Return the results once all are there; raises what the work raised."""
        self._is_done.wait()
        if self._error is not None:
            raise self._error
        return [self._results[number] for number in range(len(self._items))]


def _pool() -> ThreadPoolExecutor:
    """Return the threads; they are started when they are first needed."""
    with _lock:
        if not _pools:
            _pools.append(ThreadPoolExecutor(num_processors(), thread_name_prefix="side-by-side"))
    return _pools[0]
