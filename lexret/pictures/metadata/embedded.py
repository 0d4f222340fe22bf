"""What people and programs wrote into a picture file, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from lexret.errors import ImageError
from lexret.pictures.metadata.holders import JpegHolder, KeywordHolder, PngHolder
from lexret.pictures.metadata.iptc import iptc_of
from lexret.pictures.metadata.jpeg import JpegFile
from lexret.pictures.metadata.keyword_lists import distinct, people_keywords
from lexret.pictures.metadata.png import SIGNATURE
from lexret.pictures.metadata.windows import windows_keywords
from lexret.pictures.opening import open_for_metadata

_TIFF_XMP: Final = 700
_TIFF_IPTC: Final = 33723
_TIFF_PHOTOSHOP: Final = 34377


@dataclass(frozen=True, slots=True)
class EmbeddedNotes:
    """What a picture file holds inside that people and programs wrote of it.

    Attributes:
        packets: its XMP packets.
        iptc: its IPTC-IIM data.
        other_keywords: keywords in further places.
    """

    packets: tuple[bytes, ...] = ()
    iptc: bytes | None = None
    other_keywords: tuple[str, ...] = ()

    @property
    def keywords(self) -> list[str]:
        """The keywords of people; raises ImageError where the metadata are damaged."""
        return distinct([*people_keywords(self.packets, self.iptc), *self.other_keywords])


def embedded_keywords(path: Path) -> list[str]:
    """Return the keywords of people inside a picture file; see :func:`embedded_notes`."""
    return embedded_notes(path).keywords


def embedded_notes(path: Path) -> EmbeddedNotes:
    """Read what a picture file holds inside; a file that no reader takes holds nothing.

    Raises:
        ImageError: if the metadata are damaged, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(SIGNATURE))
            file.seek(0)
            if head.startswith(b"\xff\xd8"):
                return _jpeg_notes(file.read())
            if head == SIGNATURE:
                return _held(PngHolder(file.read()), ())
            image = open_for_metadata(file, str(path))
            return EmbeddedNotes() if image is None else _image_notes(image, path)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.",
                         reason="unreadable") from error  # fmt: skip


def _jpeg_notes(content: bytes) -> EmbeddedNotes:
    extended = JpegFile(content).extended_packet
    return _held(JpegHolder(content), () if extended is None else (extended,))


def _held(holder: KeywordHolder, further: tuple[bytes, ...]) -> EmbeddedNotes:
    packets = (*holder.packets, *further)
    return EmbeddedNotes(packets, holder.iptc, tuple(holder.other_keywords))


def _image_notes(image: Image.Image, path: Path) -> EmbeddedNotes:
    try:
        tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
        packet = _bytes(image.info.get("xmp")) or _bytes(tags.get(_TIFF_XMP))
        packets = (packet,) if packet and packet.strip(b"\0") else ()
        return EmbeddedNotes(packets, _iptc(tags), tuple(windows_keywords(image.getexif())))
    except (MemoryError, ImageError):
        raise
    except Exception as error:  # whatever broken data drive Pillow to
        message = f"The metadata of {path} cannot be read: {error}."
        raise ImageError(message, reason="damaged metadata") from error


def _iptc(tags: Mapping[int, Any]) -> bytes | None:
    direct = _bytes(tags.get(_TIFF_IPTC))
    if direct:
        return direct
    block = _bytes(tags.get(_TIFF_PHOTOSHOP))
    return iptc_of(block) if block else None


def _bytes(value: Any) -> bytes | None:
    """Return what a reader of pictures gives, in any of its forms, as bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, tuple) and value and all(isinstance(part, bytes) for part in value):
        return b"".join(value)
    if isinstance(value, tuple) and all(isinstance(p, int) and 0 <= p < 256 for p in value):
        return bytes(value)
    return value if isinstance(value, bytes) else None
