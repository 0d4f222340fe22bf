"""Camera files (DNG, NEF, ARW, CR2, CR3, RAF, RW2 and their like): the preview that they embed.

The sensor's data are not developed: each camera puts a JPEG picture of the photo into the file,
most often of full size, which is what it showed. TIFF-like files hold it in one of their
directories (TIFF 6.0; DNG 1.6, chapter 2), Fujifilm's at a fixed place of the header, Canon's CR3
in a box ``PRVW``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from lexret.pictures.formats import boxes

_COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _DNG_VERSION = 259, 262, 274, 50706
_STRIP_OFFSETS, _STRIP_BYTES, _JPEG_OFFSET, _JPEG_BYTES, _SUB_DIRECTORIES = 273, 279, 513, 514, 330
_PANASONIC_JPEG: Final = 46
_SENSOR_DATA: Final = frozenset({32803, 34892})  # colour filter array, linear raw
_JPEG: Final = frozenset({6, 7})
_TYPE_BYTES: Final = {1: 1, 3: 2, 4: 4, 7: 1, 13: 4}  # BYTE, SHORT, LONG, UNDEFINED, IFD
_MAX_DIRECTORIES: Final = 64
_MAX_VALUES: Final = 256
_FUJIFILM: Final = b"FUJIFILMCCD-RAW "
_PANASONIC: Final = b"IIU\x00"
_CANON_PREVIEW: Final = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
# Boxes with further tags, and the EXIF tag that points to such tags elsewhere.
_CANON_DETAILS: Final = {b"CMT2": 34665, b"CMT4": 34853}
_CANON_TAGS: Final = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


@dataclass(frozen=True)
class CameraFile:
    """A file of a camera's raw data.

    Attributes:
        preview: where the largest JPEG picture in it begins, and its bytes; ``None`` without any.
        orientation: of that picture, as EXIF counts them, where it does not tell itself.
        tags_at: where TIFF data with the camera's tags begin; ``None`` where the preview has them.
        more_tags_at: where such data lie apart: tag that would point to them, and where they begin.
    """

    preview: tuple[int, int] | None
    orientation: int = 1
    tags_at: int | None = None
    more_tags_at: tuple[tuple[int, int], ...] = ()


def find_camera_file(file: IO[bytes], head: bytes) -> CameraFile | None:
    """Look whether a file holds a camera's raw data; ``None`` if it does not.

    Args:
        file: opened for reading bytes; where it stands afterwards is not said.
        head: its first 16 bytes.
    """
    if head.startswith(_FUJIFILM):
        file.seek(84)
        data = file.read(8)
        found = struct.unpack(">II", data) if len(data) == 8 else (0, 0)
        return CameraFile(_largest(file, [(found[0], found[1])]))
    if head[4:12] == b"ftypcrx ":
        return _find_in_cr3(file)
    if head[:4] in (b"II*\x00", b"MM\x00*", _PANASONIC):
        return _find_in_tiff(file, head)
    return None


@dataclass
class _Tiff:
    """Reader of the directories of TIFF data.

    Args:
        start: where they begin in the file.
        order: ``<`` or ``>``.
    """

    file: IO[bytes]
    order: str
    start: int = 0
    seen: set[int] = field(default_factory=set)

    def directories(self, offset: int) -> Iterator[dict[int, tuple[int, ...]]]:
        """Yield a directory, those below it, and those that follow; each once."""
        while offset and offset not in self.seen and len(self.seen) < _MAX_DIRECTORIES:
            self.seen.add(offset)
            directory, offset = self._directory(offset)
            yield directory
            for below in directory.get(_SUB_DIRECTORIES, ()):
                yield from self.directories(below)

    def _directory(self, offset: int) -> tuple[dict[int, tuple[int, ...]], int]:
        self.file.seek(self.start + offset)
        count = self._numbers(self.file.read(2), "H")
        if not count:
            return {}, 0
        data = self.file.read(12 * count[0])
        following = self._numbers(self.file.read(4), "I")
        values = {}
        for place in range(0, len(data) - 11, 12):
            tag, kind, num_values = struct.unpack_from(f"{self.order}HHI", data, place)
            values[tag] = self._values(kind, num_values, data[place + 8 : place + 12])
        return values, following[0] if following else 0

    def _values(self, kind: int, num_values: int, field_bytes: bytes) -> tuple[int, ...]:
        size = _TYPE_BYTES.get(kind, 0) * num_values
        letter = {1: "B", 3: "H", 7: "B"}.get(kind, "I")
        if size > 4:
            (place,) = struct.unpack(f"{self.order}I", field_bytes)
            if kind == 7:  # opaque data: where they lie, and how long they are
                return (place, num_values)
            self.file.seek(self.start + place)
            size = min(size, _MAX_VALUES * _TYPE_BYTES[kind])
            field_bytes = self.file.read(size)
        return self._numbers(field_bytes[:size], letter)

    def _numbers(self, data: bytes, letter: str) -> tuple[int, ...]:
        size = struct.calcsize(f"{self.order}{letter}")
        return struct.unpack(f"{self.order}{len(data) // size}{letter}",
                             data[: len(data) // size * size])  # fmt: skip


def _find_in_tiff(file: IO[bytes], head: bytes) -> CameraFile | None:
    order = "<" if head.startswith(b"II") else ">"
    (first,) = struct.unpack(f"{order}I", head[4:8])
    directories = list(_Tiff(file, order).directories(first))
    is_raw = head[8:10] == b"CR" or head.startswith(_PANASONIC) or any(
        _DNG_VERSION in directory or _SENSOR_DATA.intersection(directory.get(_PHOTOMETRIC, ()))
        for directory in directories
    )  # fmt: skip
    if not directories or not is_raw:
        return None
    found = [place for directory in directories for place in _jpeg_places(directory)]
    tags_at = None if head.startswith(_PANASONIC) else 0
    return CameraFile(_largest(file, found), _orientation_of(directories[0]), tags_at)


def _jpeg_places(directory: dict[int, tuple[int, ...]]) -> Iterator[tuple[int, int]]:
    """Yield where a directory says that JPEG data lie."""
    if len(directory.get(_PANASONIC_JPEG, ())) == 2:
        yield directory[_PANASONIC_JPEG][0], directory[_PANASONIC_JPEG][1]
    if directory.get(_JPEG_OFFSET) and directory.get(_JPEG_BYTES):
        yield directory[_JPEG_OFFSET][0], directory[_JPEG_BYTES][0]
    offsets, sizes = directory.get(_STRIP_OFFSETS, ()), directory.get(_STRIP_BYTES, ())
    is_jpeg = _JPEG.intersection(directory.get(_COMPRESSION, ()))
    is_sensor = _SENSOR_DATA.intersection(directory.get(_PHOTOMETRIC, ()))
    if len(offsets) == len(sizes) == 1 and is_jpeg and not is_sensor:
        yield offsets[0], sizes[0]


def _find_in_cr3(file: IO[bytes]) -> CameraFile:
    """Find the preview of a CR3 file (an ISO base media file) and its tags, TIFF data in boxes."""
    preview: list[tuple[int, int]] = []
    tags: dict[bytes, int] = {}
    for kind, start, end in boxes(file, 0, None):
        if kind == b"uuid" and _read(file, start, 16) == _CANON_PREVIEW:
            for inner, place, last in boxes(file, start + 16 + 8, end):
                if inner == b"PRVW":
                    preview.append((place + 16, last - place - 16))
        elif kind == b"moov":
            for inner, place, last in boxes(file, start, end):
                if inner == b"uuid" and _read(file, place, 16) == _CANON_TAGS:
                    tags = {name: where for name, where, _ in boxes(file, place + 16, last)}
    main = tags.get(b"CMT1")
    more = [(tag, tags[name]) for name, tag in _CANON_DETAILS.items() if name in tags]
    orientation = 1 if main is None else _orientation_in(file, main)
    return CameraFile(_largest(file, preview), orientation, main, tuple(more))


def _orientation_in(file: IO[bytes], start: int) -> int:
    head = _read(file, start, 8)
    if head[:4] not in (b"II*\x00", b"MM\x00*"):
        return 1
    order = "<" if head.startswith(b"II") else ">"
    (first,) = struct.unpack(f"{order}I", head[4:8])
    return _orientation_of(next(_Tiff(file, order, start).directories(first), {}))


def _orientation_of(directory: dict[int, tuple[int, ...]]) -> int:
    return next(iter(directory.get(_ORIENTATION, ())), 1)


def _read(file: IO[bytes], place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)


def _largest(file: IO[bytes], places: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the place of the JPEG picture with the most pixels."""
    sizes = {place: size for place in places if (size := _jpeg_pixels(file, *place))}
    return max(sizes, key=lambda place: sizes[place], default=None)


def _jpeg_pixels(file: IO[bytes], start: int, num_bytes: int) -> int:
    """Return how many pixels a JPEG picture has; 0 where there is none that can be decoded.

    The sensor's data may be JPEG too, in its lossless kind (SOF3), which nobody looks at.
    """
    if _read(file, start, 2) != b"\xff\xd8":
        return 0
    place = start + 2
    while place < start + num_bytes:
        marker = _read(file, place, 9)
        if len(marker) < 9 or marker[0] != 0xFF or marker[1] == 0xDA:
            return 0
        if marker[1] in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack(">HH", marker[5:9])
            return int(width * height)
        place += 1 if marker[1] == 0xFF else 2 + int.from_bytes(marker[2:4], "big")
    return 0
