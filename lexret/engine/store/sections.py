"""Section files: files of an index that hold arrays of numbers.

A section file holds arrays one after another, each starting at a multiple of 64 bytes,
little-endian, and nothing else; the manifest says where each starts (index/FORMAT.md).
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np

from lexret.engine.store.checked import BLOCK_BYTES, AnyArray, BlockSums, CheckedArray, Sums
from lexret.engine.store.prefetch import MappedBytes
from lexret.errors import CorruptError, DamageError, StorageError

ALIGNMENT: Final = 64
_CHECK_BYTES: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Section:
    """Section: one array inside a file.

    Attributes:
        dtype: numpy's little-endian name of the type, such as ``"<i4"``.
        offset: where it starts, in bytes; a multiple of 64.
        count: number of elements.
        crc32: zlib's CRC-32 over its bytes.
    """

    dtype: str
    offset: int
    count: int
    crc32: int

    @property
    def end(self) -> int:
        """First byte after the array."""
        return self.offset + self.count * np.dtype(self.dtype).itemsize


class SectionWriter:
    """Writer of one new file of arrays, which may be written piece by piece in any order.

    Args:
        path: the file, which must not exist.
        sizes: name -> (numpy type name, number of elements), in the order of the file.
    """

    def __init__(self, path: Path, sizes: Mapping[str, tuple[str, int]]) -> None:
        self._sizes = dict(sizes)
        self._offsets: dict[str, int] = {}
        self._written = dict.fromkeys(sizes, 0)
        self._crc = dict.fromkeys(sizes, 0)
        self._sums = {name: BlockSums() for name in sizes}
        end = 0
        for name, (dtype, count) in self._sizes.items():
            self._offsets[name] = -(-end // ALIGNMENT) * ALIGNMENT
            end = self._offsets[name] + count * np.dtype(dtype).itemsize
        self._size = end
        self._file: IO[bytes] = path.open("xb")

    def append(self, name: str, values: AnyArray) -> None:
        """Write the next elements of the array called ``name``."""
        if not len(values):
            return
        dtype = np.dtype(self._sizes[name][0])
        data = np.ascontiguousarray(values, dtype=dtype).data.cast("B")
        self._file.seek(self._offsets[name] + self._written[name] * dtype.itemsize)
        self._file.write(data)
        self._crc[name] = zlib.crc32(data, self._crc[name])
        self._sums[name].add(data)
        self._written[name] += len(values)

    def finish(self) -> dict[str, Section]:
        """Make the file durable, close it, and return where each array is."""
        for name, (_, count) in self._sizes.items():
            if self._written[name] != count:
                raise AssertionError(f"{name}: {self._written[name]} of {count} elements written")
        self._file.truncate(self._size)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return {
            name: Section(dtype, self._offsets[name], count, self._crc[name])
            for name, (dtype, count) in self._sizes.items()
        }

    def block_sums(self) -> dict[str, Sums]:
        """Return the checksums of the blocks of what was written, by array."""
        return {name: sums.finish() for name, sums in self._sums.items()}

    def close(self) -> None:
        """Close the file, finished or not."""
        self._file.close()


class ArrayFileWriter:
    """Writer of one new file that holds one array, whose length need not be known beforehand."""

    def __init__(self, path: Path, name: str, dtype: str) -> None:
        self.path = path
        self._name, self._dtype = name, np.dtype(dtype)
        self._count = self._crc = 0
        self._sums = BlockSums()
        self._file: IO[bytes] = path.open("xb")

    def append(self, values: AnyArray) -> None:
        """Write the next elements."""
        if len(values):
            data = np.ascontiguousarray(values, dtype=self._dtype).data.cast("B")
            self._file.write(data)
            self._crc = zlib.crc32(data, self._crc)
            self._sums.add(data)
            self._count += len(values)

    def finish(self) -> dict[str, Section]:
        """Make the file durable, close it, and return where the array is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return {self._name: Section(self._dtype.str, 0, self._count, self._crc)}

    def block_sums(self) -> dict[str, Sums]:
        """Return the checksums of the blocks of what was written, by array."""
        return {self._name: self._sums.finish()}

    def close(self) -> None:
        """Close the file, finished or not."""
        self._file.close()


def open_sections(
    path: Path, sections: Mapping[str, Section], sums: Mapping[str, Sums] | None = None
) -> dict[str, CheckedArray]:
    """Open the arrays of a section file, read-only and memory-mapped.

    Args:
        sums: checksums of the blocks of arrays that have any; others are checked as a whole.

    Raises:
        DamageError: if the file's size is not what the manifest says, or a number of checksums.
        FileNotFoundError: if there is no such file.
    """
    try:
        mapped = _map(path, max((section.end for section in sections.values()), default=0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamageError(path, f"it cannot be read ({error.strerror})") from error
    arrays = {}
    for name, section in sections.items():
        buffer, offset = (mapped, section.offset) if section.count else (b"", 0)
        values = np.frombuffer(buffer, section.dtype, section.count, offset)
        own = (sums or {}).get(name)
        if own is not None and len(own) != -(-values.nbytes // BLOCK_BYTES):
            raise DamageError(path, f"there are {len(own)} checksums for its array {name!r}")
        crcs = [section.crc32] if own is None else own
        source = MappedBytes(mapped, offset) if isinstance(mapped, mmap.mmap) else None
        arrays[name] = CheckedArray(values, crcs, path, name, source)
    return arrays


def _map(path: Path, expected: int) -> mmap.mmap | bytes:
    """Map a file of a known size into memory; an empty one cannot be mapped."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found != expected:
            raise DamageError(
                path,
                f"it has {found} bytes, but the index says {expected}: it was cut short or changed",
            )
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if expected else b""


def check_sections(path: Path, sections: Mapping[str, Section]) -> None:
    """Compare every array of a file with its checksum, reading it to its end.

    Raises:
        DamageError: if one differs, or the file has another size; the message names the array.
        FileNotFoundError: if there is no such file.
    """
    for damage in find_damage(path, sections):
        raise damage


def find_damage(path: Path, sections: Mapping[str, Section]) -> Iterator[DamageError]:
    """Yield what is wrong with a file: its size, arrays that differ from their checksums, gaps.

    The file is read, not mapped: a disk that fails to read it ends nothing.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    expected = max((section.end for section in sections.values()), default=0)
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            if found != expected:
                yield DamageError(path, f"it has {found} bytes, but the index says {expected}")
            for name, section in sections.items():
                crc = _crc_of(file, section)
                if crc != section.crc32:
                    yield DamageError(
                        path,
                        f"its array {name!r} has the checksum {crc:08x}, "
                        f"expected {section.crc32:08x}",
                    )
            if found == expected and not _gaps_are_empty(file, sections):
                yield DamageError(path, "there is something in the gaps between its arrays")
    except FileNotFoundError:
        raise
    except OSError as error:
        yield DamageError(path, f"it cannot be read ({error.strerror})")


def _crc_of(file: IO[bytes], section: Section) -> int:
    file.seek(section.offset)
    crc, left = 0, section.end - section.offset
    while left > 0 and (piece := file.read(min(left, _CHECK_BYTES))):
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
    return crc


def _gaps_are_empty(file: IO[bytes], sections: Mapping[str, Section]) -> bool:
    end = 0
    for section in sorted(sections.values(), key=lambda section: section.offset):
        file.seek(end)
        if file.read(max(0, section.offset - end)).strip(b"\0"):
            return False
        end = max(end, section.end)
    return True


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Translate errors of the operating system while an index is written.

    Raises:
        StorageError: for every OSError that lexret did not raise itself.
    """
    try:
        yield
    except (StorageError, CorruptError):
        raise
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(
            f"The index cannot lie at {path}: {error.filename} is a file, not a folder. Name "
            "another place with --index."
        ) from error
    except OSError as error:
        raise StorageError(
            f"Could not write the index at {path}: {error}. What was committed before is still "
            "there. Make room or check the permissions, then run the command again."
        ) from error
