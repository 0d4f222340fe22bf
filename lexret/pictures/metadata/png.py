"""PNG files as their chunks: the XMP packet is exchanged, all other bytes stay."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from lexret.errors import ImageError
from lexret.pictures.metadata.iptc import iptc_of
from lexret.pictures.metadata.text_edits import Edit

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_XMP: Final = b"XML:com.adobe.xmp\0"
_PROFILES: Final = tuple(b"Raw profile type " + kind + b"\0" for kind in (b"xmp", b"APP1"))
_IPTC: Final = b"Raw profile type iptc\0"
_MAX_PACKET: Final = 1 << 24


def damaged(why: str) -> ImageError:
    """Return the error for a PNG file whose chunks cannot be told apart."""
    return ImageError(f"The PNG file is damaged: {why}.", reason="damaged")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its kind and where it begins and ends, with its length and checksum."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True)
class PngFile:
    """A PNG file.

    Args:
        content: the whole file.

    Raises:
        ImageError: if its chunks are damaged, when they are first asked for.
    """

    content: bytes

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The chunks up to the last one."""
        found: list[Chunk] = []
        place = len(SIGNATURE)
        while not found or found[-1].kind != b"IEND":
            if place + 12 > len(self.content):
                raise damaged("it is cut short")
            (size,) = struct.unpack_from(">I", self.content, place)
            found.append(Chunk(self.content[place + 4 : place + 8], place, place + 12 + size))
            place = found[-1].end
            if place > len(self.content):
                raise damaged("it is cut short")
        if found[0].kind != b"IHDR":
            raise damaged("it has no header")
        return found

    @property
    def packets(self) -> list[bytes]:
        """The XMP packets; a proper file has one at most."""
        return [_unpacked(self._body(chunk))[1] for chunk in self._xmp]

    @property
    def packed(self) -> str | None:
        """The first packet as it lies compressed in the file, in base 64; ``None`` if it is not."""
        body = self._body(self._xmp[0]) if self._xmp else b""
        is_compressed = bool(body[len(_XMP) : len(_XMP) + 1].strip(b"\0"))
        return base64.b64encode(body).decode() if is_compressed else None

    @property
    def has_raw_profile(self) -> bool:
        """Whether it holds XMP as ImageMagick writes it, in hexadecimal digits."""
        return any(self._body(chunk).startswith(_PROFILES) for chunk in self.chunks
                   if chunk.kind in (b"tEXt", b"zTXt", b"iTXt"))  # fmt: skip

    @property
    def raw_iptc(self) -> bytes | None:
        """IPTC-IIM data as ImageMagick and exiftool write them, in hexadecimal digits."""
        for chunk in self.chunks:
            if chunk.kind in (b"tEXt", b"zTXt") and self._body(chunk).startswith(_IPTC):
                data = _raw_profile(self._body(chunk)[len(_IPTC) :], chunk.kind == b"zTXt")
                return iptc_of(data) if data.startswith(b"8BIM") else data
        return None

    @property
    def exif(self) -> bytes | None:
        """The EXIF data."""
        found = [self._body(chunk) for chunk in self.chunks if chunk.kind == b"eXIf"]
        return found[0] if found else None

    @property
    def is_signed(self) -> bool:
        """Whether it carries content credentials (C2PA), which any change would break."""
        return any(chunk.kind == b"caBX" for chunk in self.chunks)

    def replaced(
        self, packet: bytes | None, *, packed: str | None = None, number: int = 0
    ) -> bytes:
        """Return the file with another XMP packet or none.

        Args:
            number: of the packet among those of the file.
            packed: what :attr:`packed` was when the file held that packet.
        """
        if not self._xmp:
            if packet is None:
                return self.content
            place = self.chunks[0].end
            return _edited(self.content, Edit(place, place, _chunk(_XMP + b"\0\0\0\0" + packet)))
        chunk = self._xmp[number]
        if packet is None:
            return _edited(self.content, Edit(chunk.start, chunk.end, b""))
        if packed is not None and _unpacked(_bytes_of(packed))[1] == packet:
            return _edited(self.content, Edit(chunk.start, chunk.end, _chunk(_bytes_of(packed))))
        head, old = _unpacked(self._body(chunk))
        if old == packet:
            return self.content
        return _edited(self.content, Edit(chunk.start, chunk.end, _chunk(head + packet)))

    @property
    def _xmp(self) -> Sequence[Chunk]:
        return [chunk for chunk in self.chunks
                if chunk.kind == b"iTXt" and self._body(chunk).startswith(_XMP)]  # fmt: skip

    def _body(self, chunk: Chunk) -> bytes:
        return self.content[chunk.start + 8 : chunk.end - 4]


def _unpacked(body: bytes) -> tuple[bytes, bytes]:
    """Return what stands before the packet in its chunk, as if not compressed, and the packet."""
    parts = body[len(_XMP) + 2 :].split(b"\0", 2)
    if len(body) < len(_XMP) + 2 or len(parts) < 3:
        raise damaged("its XMP metadata have no text")
    head, packet = _XMP + b"\0\0" + parts[0] + b"\0" + parts[1] + b"\0", parts[2]
    if not body[len(_XMP)]:
        return head, packet
    try:
        reader = zlib.decompressobj()
        packet = reader.decompress(packet, _MAX_PACKET)
    except zlib.error as error:
        raise damaged(f"its compressed XMP metadata cannot be read: {error}") from error
    if not reader.eof:
        raise damaged("its compressed XMP metadata are cut short or beyond measure")
    return head, packet


def _raw_profile(text: bytes, is_compressed: bool) -> bytes:
    """Return the bytes of a raw profile: a line of its name, one of its length, then digits."""
    try:
        if is_compressed:
            text = zlib.decompressobj().decompress(text[1:], _MAX_PACKET)
        return bytes.fromhex(b"".join(text.strip().split(b"\n")[2:]).decode("ascii"))
    except (zlib.error, ValueError) as error:
        raise damaged(f"its raw profile cannot be read: {error}") from error


def _bytes_of(packed: str) -> bytes:
    try:
        return base64.b64decode(packed, validate=True)
    except ValueError as error:
        raise damaged(f"the note of lexret is: {error}") from error


def _chunk(body: bytes) -> bytes:
    data = b"iTXt" + body
    return struct.pack(">I", len(body)) + data + struct.pack(">I", zlib.crc32(data))


def _edited(content: bytes, edit: Edit) -> bytes:
    return content[: edit.start] + edit.new + content[edit.end :]
