"""What people and programs wrote of a picture in XMP and IPTC, inside its file and beside it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lexret.errors import MissingError
from lexret.pictures.exif import FROM_EXIF, CameraTags, clock_seconds, degrees_of
from lexret.pictures.metadata.embedded import EmbeddedNotes, embedded_notes
from lexret.pictures.metadata.iptc import iptc_date
from lexret.pictures.metadata.keyword_lists import distinct, packet_keywords
from lexret.pictures.metadata.packets import Packet, read_packet
from lexret.pictures.metadata.sidecars import read_sidecar, sidecars_of

# What readers of damaged data raise; ImageError is a ValueError.
_DAMAGED: Final = (ValueError, OSError, RuntimeError, IndexError, struct.error, zlib.error)
_EXIF: Final = "{http://ns.adobe.com/exif/1.0/}"
_DATES: Final = (
    f"{_EXIF}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    f"{_EXIF}DateTimeDigitized",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
_ANGLE: Final = re.compile(r"([\d.]+)(?:,([\d.]+))?(?:,([\d.]+))?\s*([NSEW])", re.ASCII)


@dataclass(frozen=True, slots=True)
class PictureNotes:
    """What is noted of a picture.

    Attributes:
        keywords: of people, each once.
        taken_s: when it was taken, as in :class:`lexret.pictures.exif.CameraTags`.
        date_from: ``xmp`` or ``iptc``.
        latitude: in degrees, north is positive.
        longitude: in degrees, east is positive.
    """

    keywords: tuple[str, ...] = ()
    taken_s: int | None = None
    date_from: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    def added_to(self, tags: CameraTags) -> CameraTags:
        """Return what is written of the picture in all: the camera's date and place go first."""
        if self.taken_s is not None and tags.date_from != FROM_EXIF:
            tags = replace(tags, taken_s=self.taken_s, date_from=self.date_from)
        if None in (tags.latitude, tags.longitude) and None not in (self.latitude, self.longitude):
            tags = replace(tags, latitude=self.latitude, longitude=self.longitude)
        return replace(tags, keywords="\n".join(self.keywords)) if self.keywords else tags


def read_keywords(picture: Path) -> tuple[str, ...]:
    """Return the keywords that people gave a picture, in its file or in files beside it.

    They are read from XMP (``dc:subject`` and the hierarchical lists of Lightroom, digiKam,
    Microsoft and Media Pro), IPTC-IIM and the tags of Windows. Those that lexret wrote are not
    among them. A keyword with others above it is given as ``People|Family|Grandma``, and as each
    of these.

    Raises:
        MissingError: if the picture is not there.
        ImageError: if its metadata are damaged.
    """
    if not picture.exists():
        raise MissingError(f"There is no picture {picture}.", path=picture)
    found = embedded_notes(picture).keywords
    for sidecar in sidecars_of(picture):
        found += packet_keywords(read_sidecar(sidecar))
    return tuple(distinct(found))


def read_notes(picture: Path) -> PictureNotes:
    """Read what is noted of a picture; what is damaged tells nothing."""
    inside = EmbeddedNotes()
    sidecars: list[Path] = []
    keywords: list[str] = []
    with suppress(*_DAMAGED):
        inside = embedded_notes(picture)
        keywords += inside.keywords
    packets = list(_understood(inside.packets))
    with suppress(*_DAMAGED):
        sidecars += sidecars_of(picture)
    for sidecar in sidecars:
        with suppress(*_DAMAGED):
            content = read_sidecar(sidecar)
            keywords += packet_keywords(content)
            packets.append(read_packet(content))
    taken_s, date_from = _date(packets, inside.iptc)
    latitude, longitude = _angle(packets, "GPSLatitude", 90), _angle(packets, "GPSLongitude", 180)
    return PictureNotes(tuple(distinct(keywords)), taken_s, date_from, latitude, longitude)


def _understood(packets: Sequence[bytes]) -> Iterator[Packet]:
    for packet in packets:
        with suppress(*_DAMAGED):
            yield read_packet(packet)


def _date(packets: Sequence[Packet], iptc: bytes | None) -> tuple[int | None, str | None]:
    for name in _DATES:
        for text in (text for packet in packets for text in packet.values(name)):
            seconds = clock_seconds(text)
            if seconds is not None:
                return seconds, "xmp"
    with suppress(*_DAMAGED):
        seconds = None if iptc is None else clock_seconds(iptc_date(iptc) or "")
        if seconds is not None:
            return seconds, "iptc"
    return None, None


def _angle(packets: Sequence[Packet], name: str, most: int) -> float | None:
    """Read a coordinate: 47,30.6N or 47,30,36N (XMP Part 2, "GPSCoordinate")."""
    for text in (text for packet in packets for text in packet.values(f"{_EXIF}{name}")):
        found = _ANGLE.fullmatch(text.strip().upper())
        if found is not None:
            with suppress(ValueError):
                parts = [float(part) for part in found.groups()[:3] if part is not None]
                return degrees_of(parts, most, found[4] in "SW")
    return None
