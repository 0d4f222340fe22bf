"""Pictures whose inner order is broken: depths, directories, lengths and counts that cannot be."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator

from tests.pictures.collection.cases import ANYTHING, SIZE, Case, quartered, saved
from tests.pictures.collection.claims import icon, png
from tests.pictures.made import chunk, directory, tiff


def depths() -> Iterator[Case]:
    """Bit depths and kinds of colour that PNG and TIFF do not have."""
    for bits, kind in itertools.product(
        (0, 1, 2, 3, 4, 5, 8, 12, 16, 32, 255), (0, 1, 2, 3, 4, 5, 6, 7)
    ):
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind, 1)
        rows = (b"\x00" + bytes(-(-8 * bits * channels // 8))) * 8
        data = png((8, 8), bits, kind, zlib.compress(rows))
        may_be_read = bits in (1, 2, 4, 8, 16) and kind in (0, 2, 3, 4, 6)
        yield Case(
            f"png-{bits}-{kind}.png".encode(), data, refused=ANYTHING, may_be_read=may_be_read
        )
    for bits, samples, photometric in itertools.product(
        (1, 2, 3, 7, 12, 24, 64), (1, 2, 5), (1, 2, 4, 9)
    ):
        tags = {
            256: (4, (8,)),
            257: (4, (8,)),
            258: (3, (bits,) * samples),
            259: (3, (1,)),
            262: (3, (photometric,)),
            277: (3, (samples,)),
            278: (4, (8,)),
        }
        name = f"tiff-{bits}-{samples}-{photometric}.tif".encode()
        data = tiff(tags, bytes(8 * 8 * 8 * samples))
        yield Case(name, data, refused=ANYTHING, may_be_read=True)


def tiff_directories() -> Iterator[Case]:
    """TIFF directories that lead nowhere, to themselves, or claim to be endless."""
    base = {
        256: (4, (8,)),
        257: (4, (8,)),
        258: (3, (8,)),
        259: (3, (1,)),
        262: (3, (1,)),
        277: (3, (1,)),
        278: (4, (8,)),
        273: (4, (200,)),
        279: (4, (64,)),
    }
    head = b"II*\x00\x08\x00\x00\x00"
    whole = head + directory(base, 8, following=8)
    pixels = whole.ljust(200, b"\x00") + bytes(range(64))
    yield Case(b"tiff-loop.tif", pixels, (8, 8))
    for place in (8, 0, 4, 7, 2**31, 2**32 - 1, len(pixels), len(pixels) - 1):
        data = pixels[:4] + struct.pack("<I", place) + pixels[8:]
        yield Case(
            f"tiff-first-{place}.tif".encode(), data, refused=ANYTHING, may_be_read=place == 8
        )
    for count in (0, 1, 500, 65_535):
        data = pixels[:8] + struct.pack("<H", count) + pixels[10:]
        yield Case(f"tiff-entries-{count}.tif".encode(), data, refused=ANYTHING, may_be_read=True)
    for number, count in itertools.product(
        (256, 258, 273, 279, 320, 34_675, 700), (2**31, 2**32 - 1)
    ):
        entry = struct.pack("<HHII", number, 4, count, 8)
        data = head + struct.pack("<H", 10) + directory(base, 8)[2:110] + entry + bytes(4)
        name = f"tiff-count-{number}-{count}.tif".encode()
        yield Case(name, data.ljust(200, b"\x00") + bytes(64), refused=ANYTHING, may_be_read=True)


def lengths() -> Iterator[Case]:
    """Parts of files that claim to be longer than the file, or to have no length."""
    original = saved(quartered(), "JPEG")
    for marker, length in itertools.product(
        (0xE0, 0xE1, 0xED, 0xDB, 0xC4, 0xDA, 0xFE), (0, 1, 2, 0xFFFF)
    ):
        data = original[:2] + bytes([0xFF, marker]) + struct.pack(">H", length) + original[2:]
        yield Case(
            f"jpeg-segment-{marker:x}-{length}.jpg".encode(),
            data,
            refused=ANYTHING,
            may_be_read=True,
        )
    for kind, length in itertools.product(
        (b"tEXt", b"iCCP", b"eXIf", b"IDAT", b"acTL", b"prIV"), (0, 2**31 - 1, 2**32 - 1)
    ):
        good = saved(quartered(), "PNG")
        part = struct.pack(">I", length) + kind + bytes(8)
        name = f"png-chunk-{kind.decode()}-{length}.png".encode()
        yield Case(name, good[:33] + part + good[33:], refused=ANYTHING, may_be_read=True)
    for frames in (0, 1, 2**31, 2**32 - 1):
        good = saved(quartered(), "PNG")
        control = chunk(b"acTL", struct.pack(">II", frames, 0))
        yield Case(
            f"png-frames-{frames}.png".encode(),
            good[:33] + control + good[33:],
            SIZE,
            refused=ANYTHING,
            may_be_read=True,
        )
    for count in (0, 2, 500, 65_535):
        inner = saved(quartered("RGBA", (32, 32)), "PNG")
        data = (
            icon(inner, claimed=32, count=count)
            if count < 600
            else (struct.pack("<HHH", 0, 1, count) + icon(inner, claimed=32)[6:])
        )
        yield Case(f"icon-entries-{count}.ico".encode(), data, refused=ANYTHING, may_be_read=True)
    for inner in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        bytes(40),
        struct.pack("<IiiHH", 40, 8, 2**31 - 2, 1, 32),
    ):
        data = icon(inner)
        yield Case(
            f"icon-inner-{len(inner)}-{inner[:1].hex()}.ico".encode(), data, refused=ANYTHING
        )
    yield Case(b"icon-in-itself.ico", icon(icon(b"")), refused=ANYTHING)
    for size, text in (
        ("header", b"P6 64 48 65536\n"),
        ("zero", b"P6 64 48 0\n"),
        ("minus", b"P6 -64 48 255\n"),
        ("long", b"P6 " + b"9" * 5000 + b" 48 255\n"),
        ("comment", b"P6 #" + b"x" * 90_000),
    ):
        yield Case(f"ppm-{size}.ppm".encode(), text + bytes(90), refused=ANYTHING)


def cases() -> Iterator[Case]:
    """All of them."""
    for family in (depths, tiff_directories, lengths):
        yield from family()
