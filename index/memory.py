"""Private memory of this process: what it takes at most, and a limit to it."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS_BETWEEN_SAMPLES = 0.02


@dataclass
class Peak:
    """The most private memory that was seen, in bytes."""

    num_bytes: int = 0


def limit_memory(num_bytes: int) -> None:
    """Let what this process would hold of private memory beyond a limit fail.

    RLIMIT_DATA counts private memory that may be written, not files that are mapped for reading.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (num_bytes, num_bytes))


@contextmanager
def sampled() -> Iterator[Peak]:
    """Sample how much private memory this process takes (RssAnon), all that it held before too."""
    peak, ended = Peak(), threading.Event()

    def look() -> None:
        while True:
            peak.num_bytes = max(peak.num_bytes, status("RssAnon"))
            if ended.wait(SECONDS_BETWEEN_SAMPLES):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def status(name: str) -> int:
    """Return a line of /proc/self/status that is a number of bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {name}")
