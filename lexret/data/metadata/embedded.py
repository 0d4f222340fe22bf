"""Keywords of people inside a picture file, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PIL import Image

from lexret.data.images import open_header
from lexret.data.metadata.iptc import IPTC, iptc_of
from lexret.data.metadata.keyword_lists import distinct, people_keywords
from lexret.data.metadata.windows import windows_keywords
from lexret.errors import ImageError

_TIFF_XMP: Final = 700
_TIFF_IPTC: Final = 33723
_TIFF_PHOTOSHOP: Final = 34377


def embedded_keywords(path: Path) -> list[str]:
    """Return the keywords of people inside a picture file; of a raw file, which is not read, none.

    Raises:
        ImageError: if the metadata are damaged, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            try:
                image = open_header(file, str(path))
            except ImageError as error:
                if error.reason in ("not a picture", "unsupported format (HEIC)"):
                    return []
                raise
            return image_keywords(image)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.",
                         reason="unreadable") from error  # fmt: skip


def image_keywords(image: Image.Image) -> list[str]:
    """Return the keywords of people in an opened picture: XMP, IPTC and those of Windows (EXIF).

    Raises:
        ImageError: if the metadata are damaged.
    """
    packet = _bytes(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    packet = packet or _bytes(tags.get(_TIFF_XMP))
    found = people_keywords([packet] if packet and packet.strip(b"\0") else [], _iptc(image, tags))
    return distinct([*found, *_windows_keywords(image)])


def _iptc(image: Image.Image, tags: Mapping[int, Any]) -> bytes | None:
    resources = image.info.get("photoshop")
    if isinstance(resources, dict):
        return _bytes(resources.get(IPTC))
    direct = _bytes(tags.get(_TIFF_IPTC))
    if direct:
        return direct
    block = _bytes(tags.get(_TIFF_PHOTOSHOP))
    return iptc_of(block) if block else None


def _windows_keywords(image: Image.Image) -> list[str]:
    try:
        return windows_keywords(image.getexif())
    except MemoryError:
        raise
    except Exception:  # whatever broken EXIF data drive the reader to; they tell no keywords
        return []


def _bytes(value: Any) -> bytes | None:
    """Return what a reader of pictures gives, in any of its forms, as bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, tuple) and value and all(isinstance(part, bytes) for part in value):
        return b"".join(value)
    if isinstance(value, tuple) and all(isinstance(p, int) and 0 <= p < 256 for p in value):
        return bytes(value)
    return value if isinstance(value, bytes) else None
