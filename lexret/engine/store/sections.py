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
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import CorruptError, StorageError

ALIGNMENT: Final = 64
_CHECK_BYTES: Final = 1 << 22

AnyArray = npt.NDArray[Any]


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
        data = np.ascontiguousarray(values, dtype=dtype).data
        self._file.seek(self._offsets[name] + self._written[name] * dtype.itemsize)
        self._file.write(data)
        self._crc[name] = zlib.crc32(data, self._crc[name])
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

    def close(self) -> None:
        """Close the file, finished or not."""
        self._file.close()


class ArrayFileWriter:
    """Writer of one new file that holds one array, whose length need not be known beforehand."""

    def __init__(self, path: Path, name: str, dtype: str) -> None:
        self.path = path
        self._name, self._dtype = name, np.dtype(dtype)
        self._count = self._crc = 0
        self._file: IO[bytes] = path.open("xb")

    def append(self, values: AnyArray) -> None:
        """Write the next elements."""
        data = np.ascontiguousarray(values, dtype=self._dtype).data
        if len(values):
            self._file.write(data)
            self._crc = zlib.crc32(data, self._crc)
            self._count += len(values)

    def finish(self) -> dict[str, Section]:
        """Make the file durable, close it, and return where the array is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return {self._name: Section(self._dtype.str, 0, self._count, self._crc)}

    def close(self) -> None:
        """Close the file, finished or not."""
        self._file.close()


def map_sections(path: Path, sections: Mapping[str, Section]) -> dict[str, AnyArray]:
    """Open the arrays of a section file, read-only and memory-mapped.

    Raises:
        CorruptError: if the file's size is not what the manifest says.
        FileNotFoundError: if there is no such file.
    """
    expected = max((section.end for section in sections.values()), default=0)
    with path.open("rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found != expected:
            raise CorruptError(
                f"{path} has {found} bytes, but the index says {expected}: the file was cut short "
                "or changed. Restore it, or make the index anew with `lexret index DIR --rebuild`."
            )
        if expected == 0:
            return {name: np.frombuffer(b"", section.dtype) for name, section in sections.items()}
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {
        name: np.frombuffer(mapped, section.dtype, section.count, section.offset)
        if section.count
        else np.frombuffer(b"", section.dtype)
        for name, section in sections.items()
    }


def check_sections(path: Path, sections: Mapping[str, Section]) -> None:
    """Compare every array of a file with its checksum.

    Raises:
        CorruptError: if one differs; the message names the file and the array.
    """
    with path.open("rb") as file:
        for name, section in sections.items():
            file.seek(section.offset)
            crc, left = 0, section.end - section.offset
            while left > 0 and (piece := file.read(min(left, _CHECK_BYTES))):
                crc = zlib.crc32(piece, crc)
                left -= len(piece)
            if left or crc != section.crc32:
                raise CorruptError(
                    f"{path}, array {name!r}: the checksum is {crc:08x}, expected "
                    f"{section.crc32:08x}. Make the index anew with `lexret index DIR --rebuild`."
                )


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
