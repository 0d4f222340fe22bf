"""Pictures that claim more, or less, than they hold: sizes, frames, directories, lengths."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from tests.pictures.collection.cases import (
    ANYTHING,
    SIZE,
    Case,
    quartered,
    saved,
)
from tests.pictures.made import chunk, grey_tiff

LARGE = (
    (2001, 2001),
    (65_535, 65_535),
    (16_383, 16_383),
    (1_000_000, 5),
    (5, 1_000_000),
    (2**31 - 1, 2**31 - 1),
    (2**31, 1),
    (2**32 - 1, 2**32 - 1),
)
ZERO = ((0, 0), (0, 48), (64, 0))
PNG = b"\x89PNG\r\n\x1a\n"


def png(size: tuple[int, int], bits: int = 8, kind: int = 2, data: bytes = b"") -> bytes:
    """A PNG file that claims a size and holds what it is given."""
    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(size: tuple[int, int], *, progressive: bool = False) -> bytes:
    """A JPEG file whose frame header claims a size."""
    data = bytearray(saved(quartered(), "JPEG", progressive=progressive))
    place = data.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


def gif(size: tuple[int, int], frame: tuple[int, int] | None = None) -> bytes:
    """A GIF file whose screen, and whose frame, claim a size."""
    data = bytearray(saved(quartered(), "GIF"))
    data[6:10] = struct.pack("<HH", *size)
    place = data.index(b",\x00\x00\x00\x00") + 5
    data[place : place + 4] = struct.pack("<HH", *(frame or size))
    return bytes(data)


def bmp(size: tuple[int, int]) -> bytes:
    """A BMP file that claims a size; a negative height is drawn from the top."""
    data = bytearray(saved(quartered(), "BMP"))
    data[18:26] = struct.pack("<ii", *size)
    return bytes(data)


def webp(size: tuple[int, int], form: str) -> bytes:
    """A WebP file in one of its three forms that claims a size."""
    if form == "VP8X":
        animated = [quartered(), quartered().rotate(180)]
        data = bytearray(saved(animated[0], "WEBP", save_all=True, append_images=animated[1:]))
        sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
        data[24:30] = sides
    elif form == "VP8L":
        data = bytearray(saved(quartered(), "WEBP", lossless=True))
        bits = (
            (size[0] - 1) | (size[1] - 1) << 14 | int.from_bytes(data[21:25], "little") >> 28 << 28
        )
        data[21:25] = bits.to_bytes(4, "little")
    else:
        data = bytearray(saved(quartered(), "WEBP"))
        data[26:30] = struct.pack("<HH", *size)
    return bytes(data)


def jpeg_2000(size: tuple[int, int]) -> bytes:
    """A JPEG 2000 file that claims a size, in both of its headers."""
    data = bytearray(saved(quartered(), "JPEG2000"))
    place = data.index(b"ihdr") + 4
    data[place : place + 8] = struct.pack(">II", size[1], size[0])
    place = data.index(b"\xff\x51") + 6
    data[place : place + 8] = struct.pack(">II", *size)
    return bytes(data)


def icon(inner: bytes, *, claimed: int = 0, count: int = 1) -> bytes:
    """An ICO file around a picture."""
    entry = struct.pack("<BBBBHHII", claimed, claimed, 0, 0, 1, 32, len(inner), 6 + 16 * count)
    return struct.pack("<HHH", 0, 1, count) + entry * count + inner


def avif(size: tuple[int, int]) -> bytes:
    """An AVIF file whose property box claims a size."""
    data = bytearray(saved(quartered(), "AVIF"))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", *size)
    return bytes(data)


def tga(size: tuple[int, int]) -> bytes:
    """A TGA file that claims a size."""
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, *size, 24, 0) + bytes(90)


def qoi(size: tuple[int, int]) -> bytes:
    """A QOI file that claims a size."""
    return b"qoif" + struct.pack(">II", *size) + b"\x03\x00" + bytes(90)


# How a format's claim is made, the ending, and the least and the largest side that it can claim.
_MAKERS: dict[str, tuple[Callable[[tuple[int, int]], bytes], str, int, int]] = {
    "JPEG": (jpeg, "jpg", 0, 65_535),
    "progressive JPEG": (lambda size: jpeg(size, progressive=True), "jpg", 0, 65_535),
    "PNG": (png, "png", 0, 2**32 - 1),
    "WEBP VP8": (lambda size: webp(size, "VP8"), "webp", 0, 16_383),
    "WEBP VP8L": (lambda size: webp(size, "VP8L"), "webp", 1, 1 << 14),
    "WEBP VP8X": (lambda size: webp(size, "VP8X"), "webp", 1, 1 << 24),
    "GIF": (gif, "gif", 0, 65_535),
    "GIF frame": (lambda size: gif(SIZE, size), "gif", 0, 65_535),
    "BMP": (bmp, "bmp", 0, 2**31 - 1),
    "TIFF": (lambda size: grey_tiff(bytes(90), *size, bits=8, photometric=1), "tif", 0, 2**32 - 1),
    "PPM": (lambda size: b"P6 %d %d 255\n" % size + bytes(90), "ppm", 0, 2**32 - 1),
    "JPEG2000": (jpeg_2000, "jp2", 0, 2**32 - 1),
    "TGA": (tga, "tga", 0, 65_535),
    "ICO": (lambda size: icon(png(size), claimed=32), "ico", 0, 2**32 - 1),
    "AVIF": (avif, "avif", 0, 2**32 - 1),
    "QOI": (qoi, "qoi", 0, 2**32 - 1),
}


def cases() -> Iterator[Case]:
    """Sizes that are far too large, or nothing, in every format whose fields hold such numbers."""
    for form, (make, ending, least, most) in _MAKERS.items():
        for size in (*LARGE, *ZERO):
            if min(size) < least or max(size) > most:
                continue
            name = f"claim-{form.replace(' ', '-').lower()}-{size[0]}x{size[1]}.{ending}".encode()
            # Readers refuse the largest numbers, and some that contradict others, by themselves.
            # Where the screen of a GIF is small and the frame is not, the screen counts.
            odd = 0 in size or form in ("GIF frame", "progressive JPEG", "AVIF")
            yield Case(name, make(size), refused=ANYTHING, may_be_read=odd)
    for height in (-48, -(2**31)):
        name, may_be_read = f"claim-bmp-{height}.bmp".encode(), height == -48
        yield Case(name, bmp((64, height)), refused=ANYTHING, may_be_read=may_be_read)
