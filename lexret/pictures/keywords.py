"""Writes keywords into picture files, byte by byte around the pixels, which stay as they are.

JPEG and PNG hold them themselves; of other formats a file ``<name>.xmp`` beside the picture does,
as photo programs expect it. In a JPEG that has IPTC-IIM keywords as well, both are kept alike
(Metadata Working Group, Guidelines for Handling Image Metadata 2.0, 2010).
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lexret.errors import ImageError, MissingError, StorageError
from lexret.files.whole import whole_file
from lexret.pictures.xmp import keywords_of, own_keywords_of, with_keywords

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_IPTC: Final = 0x0404
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_XMP: Final = b"XML:com.adobe.xmp\0"
_MAX_SEGMENT: Final = 65_533
_MAX_IIM_KEYWORD: Final = 64


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """What writing keywords changes.

    Attributes:
        path: the file that holds them: the picture or the one beside it.
        before: all its keywords.
        after: all its keywords then.
        content: the whole file then; ``None`` where it stays as it is, or goes.
        goes: the file beside the picture is taken away, as nothing is left in it.
    """

    path: Path
    before: tuple[str, ...]
    after: tuple[str, ...]
    content: bytes | None
    goes: bool = False

    @property
    def is_one(self) -> bool:
        """Whether anything changes."""
        return self.goes or self.content is not None


def plan_keywords(picture: Path, words: Sequence[str]) -> KeywordChange:
    """Return what it takes to make these the keywords that lexret wrote of a picture.

    Nothing is written. Keywords of people stay. Without words, what lexret wrote is taken back:
    an XMP packet or a file beside the picture that holds nothing else then goes.

    Raises:
        MissingError: if the picture is not there.
        ImageError: if its metadata are damaged, or would grow too large.
    """
    place = picture.resolve()
    content = _read(place)
    if content.startswith(b"\xff\xd8"):
        return _plan(place, content, _jpeg_xmp(content), words, _with_jpeg_xmp)
    if content.startswith(_PNG):
        return _plan(place, content, _png_xmp(content), words, _with_png_xmp)
    sidecar = place.with_name(f"{place.name}.xmp")
    packet = sidecar.read_bytes() if sidecar.is_file() else None
    change = _plan(sidecar, b"", packet, words, lambda _content, new, *_own: new or b"")
    return replace(change, content=None, goes=True) if change.content == b"" else change


def write_keywords(change: KeywordChange) -> None:
    """Replace the file at once; a crash leaves the old or the new one. StorageError on failure."""
    if change.goes:
        _remove(change.path)
    if change.content is None:
        return
    try:
        with whole_file(change.path, hidden=True) as fresh:
            fresh.write_bytes(change.content)
            if change.path.exists():
                shutil.copymode(change.path, fresh)
    except OSError as error:
        raise StorageError(f"{change.path} cannot be written: {error}.") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path} cannot be removed: {error}.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(f"There is no picture {path}.") from error
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error}.", reason="unreadable") from error


def _plan(
    place: Path,
    content: bytes,
    packet: bytes | None,
    words: Sequence[str],
    put: Callable[[bytes, bytes | None, Sequence[str], Sequence[str]], bytes],
) -> KeywordChange:
    before, own = keywords_of(packet), own_keywords_of(packet)
    new = with_keywords(packet, words)
    if keywords_of(new) == before and own_keywords_of(new) == own:
        return KeywordChange(place, tuple(before), tuple(before), None)
    after = put(content, new, own, own_keywords_of(new))
    return KeywordChange(place, tuple(before), tuple(keywords_of(new)), after)


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of the segments before the pixels, and what follows as the last.

    The parts join to the whole file.
    """
    place = 2
    while True:
        if place + 4 > len(content) or content[place] != 0xFF:
            raise ImageError("The JPEG file is damaged before its pixels.", reason="damaged")
        marker = content[place + 1]
        if marker in (0xDA, 0xD9) or 0xC0 <= marker <= 0xC3:  # the frame: no metadata follow it
            yield marker, place, len(content)
            return
        end = place + 2 + struct.unpack_from(">H", content, place + 2)[0]
        yield marker, place, end
        place = end


def _jpeg_xmp(content: bytes) -> bytes | None:
    for marker, start, end in _jpeg_segments(content):
        if marker == 0xE1 and content[start + 4 : end].startswith(_XMP):
            return content[start + 4 + len(_XMP) : end]
    return None


def _with_jpeg_xmp(
    content: bytes, packet: bytes | None, old: Sequence[str], new: Sequence[str]
) -> bytes:
    """Return a JPEG file with another XMP packet or none, its IPTC-IIM keywords changed alike."""
    segment = b"" if packet is None else _segment(0xE1, _XMP + packet)
    parts, put, is_left_out = [content[:2]], False, False
    for marker, start, end in _jpeg_segments(content):
        body = content[start + 4 : end]
        if marker == 0xE1 and body.startswith(_XMP) and not is_left_out:
            is_left_out = True  # the packet that was read; a second one is not ours to take
            continue
        if not put and not (marker == 0xE0 or (marker == 0xE1 and body.startswith(b"Exif\0"))):
            parts.append(segment)
            put = True
        if marker == 0xED and body.startswith(_PHOTOSHOP):
            parts.append(_segment(0xED, _PHOTOSHOP + _with_iim(body[len(_PHOTOSHOP) :], old, new)))
        else:
            parts.append(content[start:end])
    return b"".join(parts)


def _segment(marker: int, body: bytes) -> bytes:
    if len(body) > _MAX_SEGMENT:
        raise ImageError(
            f"The metadata would take {len(body):,} bytes; a JPEG segment holds {_MAX_SEGMENT:,}.",
            reason="too much metadata",
        )
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _with_iim(resources: bytes, old: Sequence[str], new: Sequence[str]) -> bytes:
    """Change the keywords in the IPTC block of Photoshop's resources, where there is one."""
    parts, place = [], 0
    while place + 12 <= len(resources) and resources[place : place + 4] == b"8BIM":
        (kind,) = struct.unpack_from(">H", resources, place + 4)
        name_end = place + 6 + (resources[place + 6] + 2) // 2 * 2
        (size,) = struct.unpack_from(">I", resources, name_end)
        data = resources[name_end + 4 : name_end + 4 + size]
        end = name_end + 4 + size + size % 2
        if kind == _IPTC:
            data = _with_iim_keywords(data, old, new)
            head = resources[place:name_end] + struct.pack(">I", len(data))
            parts.append(head + data + b"\0" * (len(data) % 2))
        else:
            parts.append(resources[place:end])
        place = end
    return b"".join(parts) + resources[place:]


def _with_iim_keywords(data: bytes, old: Sequence[str], new: Sequence[str]) -> bytes:
    """Change the data sets 2:25 (IPTC-IIM 4.2, section 6); other data sets stay as they are."""
    gone = {one.encode() for one in old}
    kept, place, at_end = [], 0, 0
    while place + 5 <= len(data) and data[place] == 0x1C and not data[place + 3] & 0x80:
        end = place + 5 + struct.unpack_from(">H", data, place + 3)[0]
        if (data[place + 1], data[place + 2]) != (2, 25) or data[place + 5 : end] not in gone:
            kept.append(data[place:end])
            if data[place + 1] <= 2:
                at_end = len(kept)
        place = end
    added = [
        b"\x1c\x02\x19" + struct.pack(">H", len(one)) + one
        for one in (word.encode() for word in new if word.isascii())
        if len(one) <= _MAX_IIM_KEYWORD
    ]
    return b"".join([*kept[:at_end], *added, *kept[at_end:]]) + data[place:]


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) of a PNG file's chunks."""
    place = len(_PNG)
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        end = place + 12 + size
        if end > len(content):
            break
        yield content[place + 4 : place + 8], place, end
        place = end


def _png_xmp(content: bytes) -> bytes | None:
    for kind, start, end in _png_chunks(content):
        body = content[start + 8 : end - 4]
        if kind == b"iTXt" and body.startswith(_PNG_XMP):
            compressed, rest = body[len(_PNG_XMP)], body[len(_PNG_XMP) + 2 :]
            packet = rest.split(b"\0", 2)[2]  # behind language and translated keyword
            return zlib.decompressobj().decompress(packet, 1 << 24) if compressed else packet
    return None


def _with_png_xmp(
    content: bytes, packet: bytes | None, _old: Sequence[str], _new: Sequence[str]
) -> bytes:
    """Return a PNG file with another XMP packet, in front of its pixels, or with none."""
    body = b"iTXt" + _PNG_XMP + b"\0\0\0\0" + (packet or b"")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    chunk = b"" if packet is None else chunk
    parts, put, last, is_left_out = [content[: len(_PNG)]], False, len(_PNG), False
    for kind, start, end in _png_chunks(content):
        last = end
        if kind == b"iTXt" and content[start + 8 : end].startswith(_PNG_XMP) and not is_left_out:
            is_left_out = True  # the packet that was read; a second one is not ours to take
            continue
        parts.append(content[start:end])
        if kind == b"IHDR" and not put:
            parts.append(chunk)
            put = True
    if not put:
        raise ImageError("The PNG file has no header.", reason="damaged")
    return b"".join(parts) + content[last:]
