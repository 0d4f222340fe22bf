"""Picture files that Pillow does not write, made byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

_LETTERS = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I"}
Tags = Mapping[int, tuple[int, Sequence[int] | bytes]]


def tiff(tags: Tags, pixels: bytes, *, order: str = "<", start: int = 0) -> bytes:
    """A TIFF file of one directory and one strip.

    Args:
        tags: number -> type and values; those of the strip are added.
        order: ``<`` or ``>``.
        start: where its first byte comes to lie in a larger file that counts from its own.
    """
    head = {"<": b"II*\x00", ">": b"MM\x00*"}[order]
    place = 8 + len(pixels) + len(pixels) % 2
    data = head + struct.pack(f"{order}I", place) + pixels + bytes(len(pixels) % 2)
    strip: Tags = {273: (4, (8,)), 279: (4, (len(pixels),))}
    return data + directory({**strip, **tags}, place, order=order)


def directory(tags: Tags, place: int, *, order: str = "<", following: int = 0) -> bytes:
    """A TIFF directory that begins at ``place``, and behind it the values that need more room."""
    size = 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, (kind, numbers) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(numbers)}{_LETTERS[kind]}", *numbers)
        if len(data) > 4:
            field = struct.pack(f"{order}I", place + size + len(values))
            values += data + bytes(len(data) % 2)
        else:
            field = data.ljust(4, b"\x00")
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + field
    return (
        struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", following) + values
    )


def grey_tiff(
    pixels: bytes, width: int, height: int, *, bits: int, photometric: int, sample_format: int = 1,
    order: str = "<",
) -> bytes:  # fmt: skip
    """A grey TIFF file without compression."""
    return tiff(
        {
            256: (4, (width,)), 257: (4, (height,)), 258: (3, (bits,)), 259: (3, (1,)),
            262: (3, (photometric,)), 277: (3, (1,)), 278: (4, (height,)),
            339: (3, (sample_format,)),
        },
        pixels,
        order=order,
    )  # fmt: skip


def png(width: int, height: int, bits: int, kind: int, rows: bytes, *, transparent: bytes) -> bytes:
    """A PNG file of rows without filters, with a transparent colour."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    row = len(rows) // height
    lines = b"".join(b"\x00" + rows[start : start + row] for start in range(0, len(rows), row))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tRNS", transparent)
        + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )  # fmt: skip


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
