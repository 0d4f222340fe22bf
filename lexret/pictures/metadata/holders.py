"""Files that hold keywords: JPEG and PNG pictures, and packets beside pictures, seen alike."""

from __future__ import annotations

from dataclasses import dataclass

from lexret.errors import ImageError
from lexret.pictures.metadata.iptc import iptc_keywords
from lexret.pictures.metadata.jpeg import JpegFile
from lexret.pictures.metadata.keyword_lists import distinct, packet_keywords
from lexret.pictures.metadata.png import PngFile
from lexret.pictures.metadata.windows import windows_keywords_of
from lexret.pictures.metadata.xmp import note_of


@dataclass(frozen=True)
class KeywordHolder:
    """A file that holds keywords: its XMP packets and IPTC-IIM data, and how to exchange them.

    By itself it is a file beside a picture, which is a packet.

    Attributes:
        content: the whole file; ``None`` where there is none.
    """

    content: bytes | None

    @property
    def packets(self) -> list[bytes]:
        """The XMP packets; a proper file has one at most."""
        return [] if self.content is None else [self.content]

    @property
    def iptc(self) -> bytes | None:
        """The IPTC-IIM data."""
        return None

    @property
    def other_keywords(self) -> list[str]:
        """Keywords of people in places of the file that are read and not written."""
        return []

    def check(self) -> None:
        """Raise ImageError where the file is of a kind that is better left alone."""

    def note(self) -> str | None:
        """Return what has to be remembered to take a change back."""
        return None

    def replaced(self, packet: bytes | None, iptc: bytes | None, number: int) -> KeywordHolder:
        """Return the file with another packet or none in place of one, and other IPTC-IIM data."""
        del iptc, number
        return KeywordHolder(packet)


class JpegHolder(KeywordHolder):
    """A JPEG file that holds keywords."""

    @property
    def _file(self) -> JpegFile:
        return JpegFile(self.content or b"")

    @property
    def packets(self) -> list[bytes]:
        return self._file.packets

    @property
    def iptc(self) -> bytes | None:
        return self._file.iptc

    @property
    def other_keywords(self) -> list[str]:
        return windows_keywords_of(self._file.exif)

    def check(self) -> None:
        file = self._file
        if file.is_signed:
            raise _signed()
        if file.has_unknown_picture:
            raise ImageError(
                "A second picture lies behind the first one, and what leads to it is not known; "
                "it might be lost.",
                reason="unknown structure",
            )
        extended = file.extended_packet
        if extended is not None and packet_keywords(extended):
            raise ImageError(
                "Its keywords lie in extended XMP, which is not written.", reason="extended XMP"
            )

    def replaced(self, packet: bytes | None, iptc: bytes | None, number: int) -> KeywordHolder:
        return JpegHolder(self._file.replaced(packet, iptc, number=number))


class PngHolder(KeywordHolder):
    """A PNG file that holds keywords."""

    @property
    def _file(self) -> PngFile:
        return PngFile(self.content or b"")

    @property
    def packets(self) -> list[bytes]:
        return self._file.packets

    @property
    def other_keywords(self) -> list[str]:
        iptc = self._file.raw_iptc
        found = [] if iptc is None else iptc_keywords(iptc)
        return distinct([*found, *windows_keywords_of(self._file.exif)])

    def check(self) -> None:
        if self._file.is_signed:
            raise _signed()
        if self._file.has_raw_profile and not self._file.packets:
            raise ImageError(
                "Its XMP metadata are a 'raw profile' (ImageMagick), which is not written.",
                reason="unknown structure",
            )

    def note(self) -> str | None:
        return self._file.packed

    def replaced(self, packet: bytes | None, iptc: bytes | None, number: int) -> KeywordHolder:
        file = self._file
        packed = note_of(file.packets[number]) if file.packets else None
        return PngHolder(file.replaced(packet, packed=packed, number=number))


def _signed() -> ImageError:
    return ImageError(
        "It carries content credentials (C2PA), which any change would break.", reason="signed"
    )
