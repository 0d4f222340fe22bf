"""Pictures that were cut short, overwritten, or begin like something that they are not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

from tests.pictures.collection.cases import (
    ANYTHING,
    DAMAGED,
    EMPTY,
    QUARTERS,
    SIZE,
    Case,
    numbered,
    quartered,
    saved,
)
from tests.pictures.collection.whole import formats

# How much of a file is left. Before the last of these every format misses pixels of noise.
PARTS = (0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
LAST_BYTES = (1, 2, 4, 8, 12, 16, 24)
HEADS = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\xff\xd8\xff\xdb", b"\x89PNG\r\n\x1a\n",
    b"RIFF\x00\x10\x00\x00WEBPVP8 ", b"RIFF\x00\x10\x00\x00WEBPVP8L", b"GIF87a", b"GIF89a", b"BM",
    b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08", b"II+\x00\x08\x00\x00\x00", b"P6\n",
    b"P5 64 48 255 ", b"Pf\n", b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",
    b"\x00\x00\x01\x00\x01\x00", b"\x00\x00\x00\x20ftypavif", b"\x00\x00\x00\x18ftypcrx ", b"qoif",
    b"FUJIFILMCCD-RAW ", b"II\x55\x00\x08\x00\x00\x00", b"IIRO\x08\x00\x00\x00",
)  # fmt: skip
ENDINGS = ("jpg", "png", "webp", "gif", "bmp", "tif", "ppm", "jp2", "tga", "ico", "avif", "qoi",
           "dng", "cr2", "nef", "heic", "jxl")  # fmt: skip
FLIPS_A_FORMAT = 45


@cache
def noise() -> Image.Image:
    """A picture that no encoder makes small."""
    values = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def files() -> Iterator[tuple[str, str, bytes]]:
    """A file of noise in each format, and in those that are read in another way."""
    for form, (ending, _) in formats().items():
        yield form, ending, saved(noise(), form, **({"sizes": [SIZE]} if form == "ICO" else {}))
    yield "JPEG, progressive", "jpg", saved(noise(), "JPEG", progressive=True)
    yield "TIFF, LZW", "tif", saved(noise(), "TIFF", compression="tiff_lzw")
    yield "TIFF, JPEG", "tif", saved(noise(), "TIFF", compression="jpeg")
    yield "WEBP, lossless", "webp", saved(noise(), "WEBP", lossless=True)
    frames = [noise(), noise().rotate(90), noise().rotate(180)]
    for form, ending in (("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp")):
        data = saved(frames[0], form, save_all=True, append_images=frames[1:])
        yield f"{form}, animated", ending, data


def cut() -> Iterator[Case]:
    """Files that end too early: in the header, in the pixels, just before their end."""
    for form, ending, data in files():
        names = numbered(f"cut-{form.replace(', ', '-').lower()}", ending)
        for part in PARTS:
            size = int(len(data) * part)
            animated = "animated" in form  # what is behind the first frame is not missed
            yield Case(
                next(names), data[:size], SIZE if part > 0.3 else None, refused=ANYTHING,
                may_be_read=animated or (form == "ICO" and part < 0.3),
            )  # fmt: skip
        for count in range(1, 16, 2):
            yield Case(next(names), data[:count], refused=ANYTHING)
        for count in LAST_BYTES:
            yield Case(next(names), data[:-count], SIZE, refused=ANYTHING, may_be_read=True)


def overwritten(seed: int) -> Iterator[Case]:
    """Files in which some bytes are others: read, at whatever size they say, or refused."""
    chance = random.Random(seed)
    for form, ending, data in files():
        names = numbered(f"flip-{form.replace(', ', '-').lower()}", ending)
        for number in range(FLIPS_A_FORMAT):
            changed = bytearray(data)
            # Half of them in the header, where lengths, counts and sizes stand.
            reach = min(len(data), 200) if number % 2 else len(data)
            for _ in range(chance.choice((1, 1, 2, 8))):
                place = chance.randrange(reach)
                changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            yield Case(next(names), bytes(changed), refused=ANYTHING, may_be_read=True)
        for _ in range(6):  # a block that a disk lost, a block that was written twice
            start = chance.randrange(len(data))
            size = chance.randrange(1, 1 + len(data) // 2)
            lost = data[:start] + bytes(min(size, len(data) - start)) + data[start + size :]
            yield Case(next(names), lost, refused=ANYTHING, may_be_read=True)
            twice = data[: start + size] + data[start:]
            yield Case(next(names), twice, refused=ANYTHING, may_be_read=True)


def garbage(seed: int) -> Iterator[Case]:
    """The first bytes of a format, and behind them anything."""
    chance = random.Random(seed + 1)
    names = numbered("garbage", "jpg")
    for head in HEADS:
        for size in (0, 3, 20, 300, 5000):
            data = head + chance.randbytes(size)
            yield Case(next(names), data, refused=ANYTHING, may_be_read=head.startswith(b"P5 64"))
        yield Case(next(names), head + bytes(400), refused=ANYTHING,
                   may_be_read=head.startswith(b"P5 64"))  # fmt: skip
        yield Case(next(names), head + b"\xff" * 400, refused=ANYTHING,
                   may_be_read=head.startswith(b"P5 64"))  # fmt: skip


def foreign() -> Iterator[Case]:
    """What is under a picture's name and is none, and pictures under another picture's ending."""
    texts = (
        b"no picture", b"<html><body>404 Not Found</body></html>", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", b"PK\x03\x04" + bytes(60), b"\x00",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"\x1f\x8b\x08\x00" + bytes(40), b"\n" * 500,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", bytes(4096),
        b"\xff" * 4096, b"\x7fELF" + bytes(100), b"\x00\x05\x16\x07" + bytes(80),
    )  # fmt: skip
    for ending in ENDINGS:
        yield Case(f"empty.{ending}".encode(), b"", refused=EMPTY)
        for number, text in enumerate(texts):
            yield Case(f"foreign-{number}.{ending}".encode(), text, refused=DAMAGED)
    for form, (own, _) in formats().items():
        data = saved(quartered(), form, **({"sizes": [SIZE]} if form == "ICO" else {}))
        for ending in ENDINGS:
            if ending != own:
                yield Case(f"renamed-{form.lower()}.{ending}".encode(), data, SIZE, QUARTERS)
        yield Case(f"more-behind.{own}".encode(), data + bytes(999), SIZE, QUARTERS)
        again = DAMAGED if form == "JPEG2000" else frozenset()  # OpenJPEG reads on and stumbles
        yield Case(
            f"twice.{own}".encode(), data + data, SIZE, QUARTERS, again, may_be_read=bool(again)
        )
        for before in (b"\x00", b"\n", b"\xef\xbb\xbf", bytes(1024)):
            name = f"behind-{len(before)}-{before[0]}.{own}".encode()
            may_be_read = form == "TGA"  # which has no sign at its beginning
            yield Case(name, before + data, refused=ANYTHING, may_be_read=may_be_read)


def cases(seed: int = 0) -> Iterator[Case]:
    """All of them, the same for the same seed."""
    yield from cut()
    yield from overwritten(seed)
    yield from garbage(seed)
    yield from foreign()
