"""Streams of shards: pictures in the order of their shards, mixed within a buffer.

Shards come in a random order, one after the other; windows of ``data.stream_buffer`` pictures are
cut from that sequence, and within one the pictures are in a random order. So a step needs only what
lies in one window, which is read from front to back into memory, the next one while this one is
used. Like all data order it is a function of the seed and the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from lexret.captions.shards import ShardCaptions
from lexret.training.reading.domains import Integers, Shuffle


def shard_shuffle(shard_sizes: Sequence[int], window: int) -> Shuffle:
    """Return the order of the module for shards of so many samples."""
    starts = np.concatenate([[0], np.cumsum(shard_sizes)]).astype(np.int64)

    def shuffle(size: int, rng: np.random.Generator) -> Integers:
        order = rng.permutation(len(shard_sizes))
        pieces = [np.arange(starts[shard], starts[shard + 1]) for shard in order.tolist()]
        sequence: Integers = np.concatenate([np.empty(0, np.int64), *pieces])
        for first in range(0, size, window):
            sequence[first : first + window] = rng.permutation(sequence[first : first + window])
        return sequence

    return shuffle


class ShardStream:
    """Stream that keeps the pictures of the steps around the current one in memory.

    Args:
        rows: gives the samples that this process needs for a step.
        steps_per_window: how many steps are held together.
    """

    def __init__(
        self, captions: ShardCaptions, rows: Callable[[int], Integers], steps_per_window: int
    ) -> None:
        self._captions, self._rows, self._length = captions, rows, steps_per_window
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lexret-stream")
        self._reading: tuple[int, Future[None]] | None = None

    def enter(self, step: int) -> None:
        """Wait until the window of a step is held, and begin to read the next one."""
        window = step // self._length
        if self._reading is None or self._reading[0] not in (window, window + 1):
            self._begin(window)  # the first step, or another than the one that follows
        assert self._reading is not None
        if self._reading[0] == window:
            self._reading[1].result()
            self._begin(window + 1)

    def _begin(self, window: int) -> None:
        """Read the samples of a window and of the one before, which is still used."""
        steps = range(max(0, window - 1) * self._length, (window + 1) * self._length)
        samples = np.concatenate([self._rows(step) for step in steps]).tolist()
        self._reading = (window, self._pool.submit(self._captions.hold, samples))
