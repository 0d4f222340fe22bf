"""Prefetching: asking the system for parts of mapped files before they are read.

What is mapped is read from the disk page by page, each when it is first touched, and the reader
waits for each. Asked for beforehand, many parts are read at a time. Asking costs a system call a
part, which is wasted where all is in memory: so it is done only while searches read from the disk.
"""

from __future__ import annotations

import mmap
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# Of this thread alone where the system tells that, as others may read meanwhile.
_WHOSE: Final = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


@dataclass(frozen=True, slots=True)
class MappedBytes:
    """Bytes of a file that is mapped into memory, from ``offset`` on."""

    mapped: mmap.mmap
    offset: int

    def prefetch(self, start: int, stop: int) -> None:
        """Ask the system to read some of the bytes from the disk, and do not wait for it."""
        first = self.offset + start
        first -= first % mmap.PAGESIZE
        self.mapped.madvise(mmap.MADV_WILLNEED, first, self.offset + stop - first)


class DiskWatch:
    """Watch over searches of the same files: do they read from the disk, or is all in memory?

    Threads may share it; then one may prefetch in vain, or not, once more than it should.
    """

    def __init__(self) -> None:
        self._reads = True  # nobody knows before the first search

    def before(self, prefetch: Callable[[], None]) -> int:
        """Prefetch what a search needs if the one before read from the disk.

        Returns:
            what :meth:`after` is to be told; a context manager would cost more than both.
        """
        so_far = _blocks_read()
        if self._reads:
            prefetch()
        return so_far

    def after(self, so_far: int) -> None:
        """Note whether the search has read from the disk."""
        self._reads = _blocks_read() > so_far


def _blocks_read() -> int:
    """Return how much was read from disks so far; what was asked for and is on its way counts."""
    return resource.getrusage(_WHOSE).ru_inblock
