"""JPEG files as their segments: XMP and IPTC in them are exchanged, all other bytes stay.

Where bytes are put in before a second picture (CIPA DC-007, Multi-Picture Format), the offsets and
sizes that lead to it are changed with them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from lexret.errors import ImageError
from lexret.pictures.metadata.iptc import iptc_of, with_iptc
from lexret.pictures.metadata.mpf import MPF, with_moved_pictures
from lexret.pictures.metadata.text_edits import Edit

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED: Final = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_MAX_SEGMENT: Final = 65_533
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_END_OF_SCAN: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")


def damaged(why: str) -> ImageError:
    """Return the error for a JPEG file whose segments cannot be told apart."""
    return ImageError(f"The JPEG file is damaged before its pixels: {why}.", reason="damaged")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a JPEG file before its pixels; its length, where it has one, is before ``body``."""

    marker: int
    start: int
    body: int
    end: int


@dataclass(frozen=True)
class JpegFile:
    """A JPEG file.

    Args:
        content: the whole file.

    Raises:
        ImageError: if its segments are damaged, when they are first asked for.
    """

    content: bytes

    @cached_property
    def segments(self) -> list[Segment]:
        """The segments before the pixels."""
        return _segments(self.content)

    @property
    def packets(self) -> list[bytes]:
        """The XMP packets; a proper file has one at most."""
        return [self.content[segment.body + len(_XMP) : segment.end] for segment in self._xmp]

    @property
    def iptc(self) -> bytes | None:
        """The IPTC-IIM data.

        Raises:
            ImageError: if they are damaged, split or there more than once.
        """
        found = [
            data for data in (iptc_of(self._block(s)) for s in self._photoshop) if data is not None
        ]
        if len(found) > 1:
            raise ImageError("IPTC data are there more than once.", reason="damaged metadata")
        return found[0] if found else None

    @property
    def exif(self) -> bytes | None:
        """The EXIF data."""
        found = self._starting(0xE1, b"Exif\0\0")
        return self.content[found[0].body + 6 : found[0].end] if found else None

    @property
    def extended_packet(self) -> bytes | None:
        """What a long XMP packet holds beyond the first segment (XMP Part 3, section 1.1.3.1).

        Raises:
            ImageError: if parts of it are missing.
        """
        bodies = [
            self.content[segment.body : segment.end] for segment in self._starting(0xE1, _EXTENDED)
        ]
        if not bodies:
            return None
        parts: dict[bytes, list[tuple[int, int, bytes]]] = {}
        for body in bodies:
            head = body[len(_EXTENDED) :][:40]
            if len(head) < 40:
                raise damaged("a part of the extended XMP is cut off")
            length, offset = struct.unpack(">II", head[32:])
            parts.setdefault(head[:32], []).append((offset, length, body[len(_EXTENDED) + 40 :]))
        packets = [_joined(found) for name, found in parts.items() if self._is_named(name)]
        if len(packets) > 1:
            raise damaged("it has several extended XMP packets")
        return packets[0] if packets else None

    @property
    def has_unknown_picture(self) -> bool:
        """Whether a second picture lies behind the first one that no known offset leads to."""
        if self._starting(0xE2, MPF) or any(b"Container:Directory" in p for p in self.packets):
            return False
        place, last = self.segments[-1].end if self.segments else 2, 0
        while found := _END_OF_SCAN.search(self.content, place):
            last, place = found[1][0], found.end()
            if last == 0xD9:
                break
            if last not in _STANDALONE and place + 2 <= len(self.content):
                place += struct.unpack_from(">H", self.content, place)[0]
        return last == 0xD9 and self.content[place:].lstrip(b"\0").startswith(b"\xff\xd8\xff")

    @property
    def is_signed(self) -> bool:
        """Whether it carries content credentials (C2PA), which any change would break."""
        return any(
            b"c2pa" in self.content[s.body : s.end] for s in self.segments if s.marker == 0xEB
        )

    def replaced(self, packet: bytes | None, iptc: bytes | None, *, number: int = 0) -> bytes:
        """Return the file with another XMP packet or none, and other IPTC-IIM data.

        Args:
            iptc: is left alone where the file has none.
            number: of the packet among those of the file.

        Raises:
            ImageError: if they do not fit into a segment, or offsets in the file are not
                understood.
        """
        edits = [*self._xmp_edits(packet, number), *self._iptc_edits(iptc)]
        if not edits:
            return self.content
        mpf = [(segment.body, segment.end) for segment in self._starting(0xE2, MPF)]
        return with_moved_pictures(self.content, edits, mpf)

    @property
    def _xmp(self) -> list[Segment]:
        return self._starting(0xE1, _XMP)

    @property
    def _photoshop(self) -> list[Segment]:
        return self._starting(0xED, _PHOTOSHOP)

    def _starting(self, marker: int, sign: bytes) -> list[Segment]:
        return [
            segment
            for segment in self.segments
            if segment.marker == marker and self.content.startswith(sign, segment.body, segment.end)
        ]

    def _is_named(self, name: bytes) -> bool:
        return any(name in packet for packet in self.packets)

    def _block(self, segment: Segment) -> bytes:
        return self.content[segment.body + len(_PHOTOSHOP) : segment.end]

    def _xmp_edits(self, packet: bytes | None, number: int) -> list[Edit]:
        if self._xmp:
            old = self._xmp[number]
            if packet is None:
                return [Edit(old.start, old.end, b"")]
            same = packet == self.packets[number]
            return [] if same else [Edit(old.body - 2, old.end, _sized(_XMP + packet))]
        if packet is None:
            return []
        place = 2
        for segment in self.segments:
            is_exif = segment.marker == 0xE1 and self.content.startswith(b"Exif\0", segment.body)
            if segment.marker != 0xE0 and not is_exif:
                break
            place = segment.end
        return [Edit(place, place, b"\xff\xe1" + _sized(_XMP + packet))]

    def _iptc_edits(self, iptc: bytes | None) -> list[Edit]:
        if iptc is None or iptc == self.iptc:
            return []
        return [
            Edit(
                segment.body - 2,
                segment.end,
                _sized(_PHOTOSHOP + with_iptc(self._block(segment), iptc)),
            )
            for segment in self._photoshop
            if iptc_of(self._block(segment)) is not None
        ]


def _segments(content: bytes) -> list[Segment]:
    found: list[Segment] = []
    place = 2
    while True:
        start = place
        while content[place : place + 2] == b"\xff\xff":
            place += 1  # fill bytes
        if place + 2 > len(content) or content[place] != 0xFF:
            raise damaged(f"no marker at byte {place}")
        marker = content[place + 1]
        if marker in (0xDA, 0xD9):
            return found
        body = place + 2
        if marker in _STANDALONE:
            found.append(Segment(marker, start, body, body))
            place = body
            continue
        if body + 2 > len(content):
            raise damaged(f"the segment at byte {place} is cut off")
        (size,) = struct.unpack_from(">H", content, body)
        if size < 2 or body + size > len(content):
            raise damaged(f"the segment at byte {place} is cut off")
        found.append(Segment(marker, start, body + 2, body + size))
        place = body + size


def _sized(body: bytes) -> bytes:
    if len(body) > _MAX_SEGMENT:
        raise ImageError(
            f"The metadata would take {len(body):,} bytes; a JPEG segment holds {_MAX_SEGMENT:,}.",
            reason="too much metadata",
        )
    return struct.pack(">H", len(body) + 2) + body


def _joined(parts: Sequence[tuple[int, int, bytes]]) -> bytes:
    whole = b""
    for offset, _, part in sorted(parts):
        if offset != len(whole):
            raise damaged("a part of the extended XMP is missing")
        whole += part
    if any(length != len(whole) for _, length, _ in parts):
        raise damaged("a part of the extended XMP is missing")
    return whole
