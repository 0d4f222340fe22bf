"""Checked arrays: blocks of a stored array are compared with their checksums before they are used.

A block is 4,096 bytes of an array; its checksum is zlib's CRC-32. Each block is checked once in the
life of an open array, when it is first asked for, so that a search reads no more than it needs to.
Once an array was asked for as often as it has blocks, the rest is checked too: from then on asking
costs nothing.
An array without a table of checksums, as old versions of the format wrote them, is one block.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.engine.store.prefetch import MappedBytes
from lexret.errors import DamageError

BLOCK_BYTES: Final = 4096

AnyArray = npt.NDArray[Any]
Sums = npt.NDArray[np.uint32]


class BlockSums:
    """Checksums of the blocks of one array, taken while it is written."""

    def __init__(self) -> None:
        self._done = array("I")
        self._crc = self._filled = 0

    def add(self, data: memoryview) -> None:
        """Take the next bytes of the array."""
        place = 0
        while place < len(data):
            piece = data[place : place + BLOCK_BYTES - self._filled]
            self._crc = zlib.crc32(piece, self._crc)
            self._filled += len(piece)
            place += len(piece)
            if self._filled == BLOCK_BYTES:
                self._done.append(self._crc)
                self._crc = self._filled = 0

    def finish(self) -> Sums:
        """Return the checksums of all blocks, the last of which may be short."""
        if self._filled:
            self._done.append(self._crc)
            self._crc = self._filled = 0
        return np.array(self._done, np.uint32)


class CheckedArray:
    """Array of an index whose bytes are compared with their checksums when they are first used.

    Threads may share it.

    Args:
        values: the array, mapped from a file.
        sums: the checksums of its blocks, or one of all of its bytes.
        path: the file; ``name`` is the array's name in it, both for errors.
        source: the bytes of the file that it is; ``None`` for arrays in memory.

    Attributes:
        values: the array as it is, for those who asked for what they use before.
    """

    def __init__(
        self,
        values: AnyArray,
        sums: Sequence[int] | Sums,
        path: Path,
        name: str,
        source: MappedBytes | None = None,
    ) -> None:
        self.values = values
        self._source = source
        self._path, self._name = path, name
        self._bytes = values.data.cast("B") if len(values) else memoryview(b"")
        self._sums = sums
        num_blocks = -(-len(self._bytes) // BLOCK_BYTES)
        self._block = BLOCK_BYTES if len(sums) == num_blocks else max(1, len(self._bytes))
        self._is_sound = bytearray(len(sums) if len(values) else 0)
        self._flags = np.frombuffer(self._is_sound, np.uint8)
        self._all_sound = False
        self._num_asked = 0

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_sound(self) -> bool:
        """Whether all of it was checked and found sound, so that ``values`` may be used freely."""
        return self._all_sound

    def whole(self) -> AnyArray:
        """Return the array; raises DamageError if a byte of it is damaged."""
        if not self._all_sound:
            self._check(range(len(self._is_sound)))
            self._all_sound = True
        return self.values

    def part(self, start: int, stop: int) -> AnyArray:
        """Return some consecutive elements; raises DamageError if a block of theirs is damaged."""
        self.require(start, stop)
        return self.values[start:stop]

    def require(self, start: int, stop: int) -> None:
        """Check the blocks of some consecutive elements; raises DamageError."""
        if self._all_sound or start >= stop:
            return
        size = self.values.itemsize
        first, last = start * size // self._block, -(-stop * size // self._block)
        if self._is_sound.find(0, first, last) >= 0:
            self._check(range(first, min(last, len(self._is_sound))))
        self._count()

    def require_each(self, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> None:
        """Check the blocks of several runs of elements; raises DamageError.

        Args:
            starts, stops: where each run begins, and the first element after it; runs may be empty.
        """
        if self._all_sound or not len(self._is_sound):
            return
        size = self.values.itemsize
        firsts, lasts = starts * size // self._block, -(-stops * size // self._block)
        num_unsound = np.zeros(len(self._flags) + 1, np.int64)
        np.cumsum(self._flags == 0, out=num_unsound[1:])
        unsound = (num_unsound[lasts] > num_unsound[firsts]) & (stops > starts)
        for first, last in zip(firsts[unsound].tolist(), lasts[unsound].tolist(), strict=True):
            self._check(range(first, last))

    def prefetch_each(self, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> None:
        """Ask the system to read several runs of elements from the disk, without waiting for it.

        Args:
            starts, stops: where each run begins, and the first element after it; runs may be empty.
        """
        if self._source is None:
            return
        size = self.values.itemsize
        for start, stop in zip((starts * size).tolist(), (stops * size).tolist(), strict=True):
            if start < stop:
                self._source.prefetch(start, stop)

    def at(self, places: npt.NDArray[np.int64]) -> AnyArray:
        """Return elements anywhere; raises DamageError if a block of theirs is damaged."""
        if not self._all_sound and len(self._is_sound):
            blocks = places * self.values.itemsize // self._block
            unsound = blocks[self._flags[blocks] == 0]
            if len(unsound):
                self._check(sorted(set(unsound.tolist())))
            self._count()
        return self.values[places]

    def damaged_blocks(self) -> list[int]:
        """Return the numbers of all blocks that do not agree with their checksums."""
        return [
            block for block in range(len(self._is_sound)) if self._crc(block) != self._sum(block)
        ]

    def elements_of(self, block: int) -> tuple[int, int]:
        """Return the first element that has a byte in a block, and the first after the last."""
        size = self.values.itemsize
        start, end = block * self._block, min((block + 1) * self._block, len(self._bytes))
        return start // size, -(-end // size)

    def _count(self) -> None:
        """Count a question, and check the rest once that costs no more than the questions did."""
        self._num_asked += 1
        if self._num_asked == len(self._is_sound):  # once: damage elsewhere is told to who reads it
            self._all_sound = not self.damaged_blocks()

    def _check(self, blocks: Sequence[int]) -> None:
        for block in blocks:
            if not self._is_sound[block]:
                crc = self._crc(block)
                if crc != self._sum(block):
                    start = block * self._block
                    end = min(start + self._block, len(self._bytes))
                    raise DamageError(
                        self._path,
                        f"bytes {start:,} to {end:,} of its array {self._name!r} have the checksum "
                        f"{crc:08x}, expected {self._sum(block):08x}",
                    )
                self._is_sound[block] = 1

    def _crc(self, block: int) -> int:
        return zlib.crc32(self._bytes[block * self._block : (block + 1) * self._block])

    def _sum(self, block: int) -> int:
        return int(self._sums[block])
