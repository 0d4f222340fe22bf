"""Keywords that the Windows Explorer writes into EXIF data."""

from __future__ import annotations

from typing import Final

from PIL import Image

from lexret.pictures.metadata.iptc import clean_text

_XP_KEYWORDS: Final = 0x9C9E


def windows_keywords(exif: Image.Exif) -> list[str]:
    """Return the keywords, which are in UTF-16 with semicolons between them."""
    value = exif.get(_XP_KEYWORDS)
    if isinstance(value, tuple) and all(isinstance(p, int) and 0 <= p < 256 for p in value):
        value = bytes(value)
    if not isinstance(value, bytes):
        return []
    text = value.decode("utf-16-le", "replace").split("\0")[0]
    return [word for word in map(clean_text, text.split(";")) if word]


def windows_keywords_of(exif: bytes | None) -> list[str]:
    """Return the keywords in EXIF data as they lie in a file; of damaged ones, none."""
    found = Image.Exif()
    try:
        if exif:
            found.load(b"Exif\0\0" + exif)
        return windows_keywords(found)
    except MemoryError:
        raise
    except Exception:  # whatever broken EXIF data drive the reader to
        return []
