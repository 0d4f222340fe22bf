"""Page cache of a folder's files: how much of them it holds, and taking pages out of it.

Linux only, and without special rights: pages of files that one owns. A page that a process has
mapped stays in the cache, so pages are first taken out of this process's own page tables; other
processes must not map these files meanwhile.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PIECE = 2 << 20  # bytes that are taken out together: no page of the cache is larger
_MADV_DONTNEED = 4
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
Pieces = list[tuple[Path, int, int]]


@dataclass(frozen=True)
class Mapping:
    """Part of a file that this process has mapped: addresses, and the place in the file."""

    start: int
    end: int
    offset: int


class FolderCache:
    """What the page cache holds of a folder's files.

    The files are those that are there at first; they must not change.
    """

    def __init__(self, folder: Path) -> None:
        found = sorted(path.resolve() for path in folder.rglob("*") if path.is_file())
        self._sizes = {path: path.stat().st_size for path in found if path.stat().st_size}
        self._rng = np.random.default_rng(0)

    @property
    def num_bytes(self) -> int:
        """Bytes of the files, in whole pages."""
        return sum(-(-size // mmap.PAGESIZE) * mmap.PAGESIZE for size in self._sizes.values())

    def load(self) -> None:
        """Read all files, so that the cache holds them if there is room."""
        for path in self._sizes:
            with path.open("rb", buffering=0) as file:
                while file.read(PIECE):
                    pass

    def cached_bytes(self) -> int:
        """Return how many bytes of the files the cache holds, in whole pages."""
        return sum(held for *_, held in self._held())

    def shrink(self, num_bytes: int) -> int:
        """Take out pieces, drawn at random, until no more than so many bytes are held.

        Returns:
            how many bytes are held then.

        Raises:
            SystemExit: if what was taken out is still there, so that nothing could be measured.
        """
        held = self._held()
        left = sum(number for *_, number in held)
        mapped = self._mapped()
        for place in self._rng.permutation(len(held)).tolist():
            if left <= num_bytes:
                break
            path, start, number = held[place]
            self._take_out(path, start, mapped.get(path, []))
            left -= number
        left = self.cached_bytes()
        if left > num_bytes + self.num_bytes // 100:
            raise SystemExit(
                f"the page cache still holds {left:,} bytes; {num_bytes:,} were aimed at"
            )
        return left

    def _held(self) -> Pieces:
        """Return the pieces that the cache holds something of: file, start, bytes held."""
        pieces: Pieces = []
        for path, size in self._sizes.items():
            pages = _resident_pages(path, size)
            starts = np.arange(0, len(pages), PIECE // mmap.PAGESIZE)
            sums = np.add.reduceat(pages, starts, dtype=np.int64) * mmap.PAGESIZE
            places = np.flatnonzero(sums)
            pieces += [(path, int(place) * PIECE, int(sums[place])) for place in places]
        return pieces

    def _take_out(self, path: Path, start: int, mapped: list[Mapping]) -> None:
        for part in mapped:
            first = max(part.start, part.start + start - part.offset)
            last = min(part.end, part.start + start + PIECE - part.offset)
            if first < last and _LIBC.madvise(first, last - first, _MADV_DONTNEED):
                raise OSError(ctypes.get_errno(), "madvise", str(path))
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, start, PIECE, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)

    def _mapped(self) -> dict[Path, list[Mapping]]:
        """Return where this process has mapped the files."""
        found: dict[Path, list[Mapping]] = {}
        for line in Path("/proc/self/maps").read_text().splitlines():
            parts = line.split(maxsplit=5)
            if len(parts) == 6 and Path(parts[5]) in self._sizes:
                start, end = (int(address, 16) for address in parts[0].split("-"))
                found.setdefault(Path(parts[5]), []).append(Mapping(start, end, int(parts[2], 16)))
        return found


def _resident_pages(path: Path, size: int) -> np.ndarray:  # type: ignore[type-arg]
    """Return which pages of a file the cache holds, 1 or 0 each (mincore)."""
    pages = np.zeros(-(-size // mmap.PAGESIZE), np.uint8)
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped:
        address = np.frombuffer(mapped, np.uint8).ctypes.data
        if _LIBC.mincore(address, size, pages.ctypes.data):
            raise OSError(ctypes.get_errno(), "mincore", str(path))
    return pages & 1


def bytes_from_disk() -> int:
    """Return the bytes that this process has had read from disks, read ahead for it included."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("read_bytes:"):
            return int(line.split()[1])
    raise SystemExit("/proc/self/io has no read_bytes")
