"""Small files that become large: pixels, texts, profiles, frames, scans."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.pictures.collection.cases import (
    ANYTHING,
    DAMAGED,
    GREYS,
    SIZE,
    TOO_LARGE,
    Case,
    quartered,
    saved,
)
from tests.pictures.collection.claims import icon, png
from tests.pictures.made import chunk


def cases() -> Iterator[Case]:
    """All of them."""
    zeros = zlib.compress(bytes(40_000_000), 9)
    plain = saved(quartered(), "PNG")
    yield Case(
        b"bomb-idat.png",
        png(SIZE, 8, 2, zeros),
        SIZE,
        ((0, 0, 0),) * 4,
        refused=DAMAGED,
        may_be_read=True,
    )
    for kind, before in (
        (b"zTXt", b"t\x00\x00"),
        (b"iCCP", b"t\x00\x00"),
        (b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00"),
        (b"zTXt", b"Raw profile type exif\x00\x00"),
        (b"zTXt", b"Raw profile type iptc\x00\x00"),
    ):
        part = chunk(kind, before + zeros)
        name = f"bomb-{kind.decode()}-{zlib.crc32(before):08x}.png".encode()
        yield Case(name, plain[:33] + part + plain[33:], SIZE, refused=DAMAGED, may_be_read=True)
    yield Case(
        b"bomb-many-texts.png", plain[:33] + chunk(b"tEXt", b"a\x00b") * 60_000 + plain[33:], SIZE
    )
    yield Case(b"bomb-long.png", saved(Image.new("L", (3, 1_300_000)), "PNG"), (3, 1_300_000))
    for kind, mode in (("tiff_adobe_deflate", "L"), ("tiff_lzw", "RGB"), ("packbits", "L")):
        data = saved(Image.new(mode, (2001, 2001)), "TIFF", compression=kind)
        yield Case(f"bomb-{kind}.tif".encode(), data, refused=TOO_LARGE)
        data = saved(Image.new(mode, (1999, 1999)), "TIFF", compression=kind)
        yield Case(f"no-bomb-{kind}.tif".encode(), data, (1999, 1999))
    for form, ending in (("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("AVIF", "avif")):
        image = Image.new("L" if form != "WEBP" else "RGB", (2001, 2001))
        yield Case(f"bomb.{ending}".encode(), saved(image, form), refused=TOO_LARGE)
    blank = [Image.new("RGBA", (800, 800), (0, 0, 0, 0)) for _ in range(60)]
    for number, frame in enumerate(blank):
        frame.putpixel((number, 0), (0, 0, 0, 1))
    for form, ending in (("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp")):
        data = saved(blank[0], form, save_all=True, append_images=blank[1:])
        yield Case(f"bomb-blank-frames.{ending}".encode(), data, (800, 800))
    yield Case(b"bomb-scans.jpg", _many_scans(400), refused=ANYTHING, may_be_read=True)
    yield Case(
        b"bomb-inner.ico",
        icon(saved(Image.new("RGB", (2001, 2001)), "PNG"), claimed=16),
        refused=TOO_LARGE,
    )
    small, black = quartered("L", (8, 8)), Image.new("L", (1999, 1999))
    file = io.BytesIO()
    small.save(file, "TIFF", save_all=True, append_images=[black] * 3)
    yield Case(b"bomb-second-page.tif", file.getvalue(), (8, 8))


def _many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again, each time over all pixels."""
    data = saved(quartered("L", (1800, 1800), GREYS), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * count + data[-2:]
