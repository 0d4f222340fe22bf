"""Keywords in IPTC-IIM data, and the Photoshop resources that hold them in a JPEG.

Sources: IPTC-NAA Information Interchange Model 4.2, sections 1.5, 1.6 and 6; Adobe Photoshop File
Formats Specification, "Image Resource Blocks".
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lexret.errors import ImageError

IPTC: Final = 0x0404
_DIGEST: Final = 0x0425
_SIGNS: Final = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")
_KEYWORD: Final = (2, 25)
_UTF_8: Final = b"\x1b%G"
_MAX_KEYWORD: Final = 64


def clean_text(text: str) -> str:
    """Return a text in one line, without characters that XML cannot hold."""
    printable = (c if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff"
                 else " " for c in text)  # fmt: skip
    return " ".join("".join(printable).split())


@dataclass(frozen=True, slots=True)
class _DataSet:
    name: tuple[int, int]
    start: int
    value: int
    end: int


def _data_sets(data: bytes) -> list[_DataSet]:
    found, place = [], 0
    while place < len(data) and data[place] == 0x1C:
        if place + 5 > len(data):
            raise _damaged("IPTC data", place)
        value, (size,) = place + 5, struct.unpack_from(">H", data, place + 3)
        if size & 0x8000:  # an extended data set: the length of the length
            count = size & 0x7FFF
            size, value = int.from_bytes(data[value : value + count]), value + count
        if value + size > len(data):
            raise _damaged("IPTC data", place)
        found.append(_DataSet((data[place + 1], data[place + 2]), place, value, value + size))
        place = value + size
    if data[place:].strip(b"\0"):
        raise _damaged("IPTC data", place)
    return found


def _damaged(what: str, place: int) -> ImageError:
    return ImageError(f"The {what} are damaged at byte {place}.", reason="damaged metadata")


def _is_utf_8(data: bytes, sets: Sequence[_DataSet]) -> bool:
    return any(
        data_set.name == (1, 90) and data[data_set.value : data_set.end] == _UTF_8
        for data_set in sets
    )


def _decoded(value: bytes, *, is_utf_8: bool) -> str:
    """Read a value: of old data that name no coding, UTF-8 is tried first."""
    try:
        return clean_text(value.decode("utf-8"))
    except UnicodeDecodeError:
        return clean_text(value.decode("utf-8" if is_utf_8 else "cp1252", "replace"))


def iptc_keywords(data: bytes) -> list[str]:
    """Return the keywords of IPTC-IIM data; raises ImageError where they are damaged."""
    sets = _data_sets(data)
    is_utf_8 = _is_utf_8(data, sets)
    texts = [_decoded(data[s.value : s.end], is_utf_8=is_utf_8) for s in sets if s.name == _KEYWORD]
    return [text for text in texts if text]


def iptc_date(data: bytes) -> str | None:
    """Return when a picture was made as ISO 8601; unknown days and months (00) are left out."""
    values = {
        data_set.name: data[data_set.value : data_set.end].decode("latin-1")
        for data_set in _data_sets(data)
    }
    day = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", values.get((2, 55), ""))
    if day is None:
        return None
    parts = day.groups()
    known = parts[: next((place for place, part in enumerate(parts) if not int(part)), 3)]
    time = re.match(r"(\d\d)(\d\d)(\d\d)", values.get((2, 60), ""))
    return "-".join(known) + ("T" + ":".join(time.groups()) if time and len(known) == 3 else "")


def fitting_words(data: bytes, words: Sequence[str]) -> list[str]:
    """Return the words that the data can hold: of at most 64 bytes, in their coding."""
    is_utf_8 = _is_utf_8(data, _data_sets(data))
    return [word for word in words
            if (is_utf_8 or word.isascii()) and len(word.encode()) <= _MAX_KEYWORD]  # fmt: skip


def with_iptc_words(data: bytes, words: Sequence[str]) -> bytes:
    """Put keywords behind those that are there; everything else stays."""
    sets = _data_sets(data)
    before = [data_set.end for data_set in sets if data_set.name == _KEYWORD]
    before = before or [data_set.end for data_set in sets if data_set.name[0] <= _KEYWORD[0]]
    place = before[-1] if before else 0
    added = b"".join(
        struct.pack(">BBBH", 0x1C, *_KEYWORD, len(value)) + value
        for value in (word.encode() for word in words)
    )
    return data[:place] + added + data[place:]


def without_iptc_words(data: bytes, words: Sequence[str]) -> bytes:
    """Take out the last keyword of each of some words; everything else stays."""
    sets = [data_set for data_set in _data_sets(data) if data_set.name == _KEYWORD]
    for word in reversed(words):
        value = word.encode()
        found = next((s for s in reversed(sets) if data[s.value : s.end] == value), None)
        if found is not None:
            data = data[: found.start] + data[found.end :]
            sets = [data_set for data_set in _data_sets(data) if data_set.name == _KEYWORD]
    return data


@dataclass(frozen=True, slots=True)
class Resource:
    """A Photoshop resource: its number and the places of its bytes."""

    kind: int
    size_at: int
    data: int
    data_end: int
    end: int


def photoshop_resources(block: bytes) -> list[Resource]:
    """Return the resources of a block.

    Raises:
        ImageError: if it does not consist of resources and zeros behind them.
    """
    found, place = [], 0
    while block[place : place + 4] in _SIGNS:
        if place + 7 > len(block):
            raise _damaged("Photoshop resources", place)
        (kind,) = struct.unpack_from(">H", block, place + 4)
        size_at = place + 6 + (block[place + 6] + 2) // 2 * 2
        if size_at + 4 > len(block):
            raise _damaged("Photoshop resources", place)
        (size,) = struct.unpack_from(">I", block, size_at)
        data = size_at + 4
        if data + size > len(block):
            raise _damaged("Photoshop resources", place)
        end = min(len(block), data + size + size % 2)
        found.append(Resource(kind, size_at, data, data + size, end))
        place = end
    if block[place:].strip(b"\0"):
        raise _damaged("Photoshop resources", place)
    return found


def iptc_of(block: bytes) -> bytes | None:
    """Return the IPTC-IIM data of Photoshop resources.

    Raises:
        ImageError: if they are damaged, or there are several.
    """
    found = [resource for resource in photoshop_resources(block) if resource.kind == IPTC]
    if len(found) > 1:
        raise ImageError("IPTC data are there more than once.", reason="damaged metadata")
    return block[found[0].data : found[0].data_end] if found else None


def iptc_digest(data: bytes) -> str:
    """Return the digest that programs know IPTC-IIM data by, in hexadecimal digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def with_iptc(block: bytes, data: bytes) -> bytes:
    """Return Photoshop resources with other IPTC-IIM data.

    The digest by which programs see whether XMP and IPTC belong together (Metadata Working Group,
    Guidelines for Handling Image Metadata 2.0, section 3.3) goes along if it was right before.
    """
    old = iptc_of(block)
    if old is None:
        raise AssertionError("the block holds IPTC data")
    digests = (bytes.fromhex(iptc_digest(old)), bytes.fromhex(iptc_digest(data)))
    parts, done = [], 0
    for resource in photoshop_resources(block):
        value = block[resource.data : resource.data_end]
        if resource.kind == IPTC:
            new = data
        elif resource.kind == _DIGEST and value == digests[0]:
            new = digests[1]
        else:
            continue
        padding = block[resource.data_end : resource.end] or b"\0"
        parts += [block[done : resource.size_at], struct.pack(">I", len(new)), new]
        parts.append(padding if len(new) % 2 else b"")
        done = resource.end
    return b"".join([*parts, block[done:]])
