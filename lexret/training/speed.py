"""Speed and memory of a training run, as one process measures them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def timed(items: Iterable[T]) -> Iterator[tuple[T, float]]:
    """Yield items, each with the seconds that it took to come."""
    begun = time.perf_counter()
    for item in items:
        yield item, time.perf_counter() - begun
        begun = time.perf_counter()


class SpeedMeter:
    """Meter of the steps since it was last read.

    Args:
        batch_size: pictures of a step, over all processes.
    """

    def __init__(self, batch_size: int, device: torch.device) -> None:
        self._batch_size, self._device = batch_size, device
        self._begun, self._waited, self._num_steps = time.perf_counter(), 0.0, 0

    def step(self, waited: float) -> None:
        """Count a step that waited so many seconds for its batch."""
        self._num_steps += 1
        self._waited += waited

    def read(self) -> dict[str, Any]:
        """Return the figures, and begin again.

        ``pictures_per_second`` of all processes, ``waiting`` the share of the time that went by
        until batches were there, ``memory_gb`` the most that this process has held so far, on
        its GPU or else in main memory.
        """
        seconds = max(time.perf_counter() - self._begun, 1e-9)
        figures = {
            "pictures_per_second": round(self._num_steps * self._batch_size / seconds, 3),
            "waiting": round(min(1.0, self._waited / seconds), 4),
            "memory_gb": round(_most_bytes(self._device) / 1e9, 4),
        }
        self._begun, self._waited, self._num_steps = time.perf_counter(), 0.0, 0
        return figures


def _most_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
