"""Whole pictures whose EXIF, XMP, IPTC data or profile are broken: the picture must be read."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageCms

from tests.pictures.collection.cases import (
    DAMAGED,
    QUARTERS,
    SIZE,
    Case,
    numbered,
    quartered,
    saved,
)
from tests.pictures.collection.whole import formats
from tests.pictures.made import directory
from tests.pictures.metadata_files import (
    bag,
    chunk,
    iim,
    iptc_segment,
    packet,
    segment,
    xmp_chunk,
    xmp_segment,
)

_NUM_CHANGED = 24


def exif_data() -> bytes:
    """EXIF data with a date, a place, a camera, and an orientation that changes nothing."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 1, "Leica", "M6"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (47.0, 22.0, 1.5), "E", (8.0, 32.0, 0.0)
    return exif.tobytes()


def changed(data: bytes, chance: random.Random, *, first: int = 0) -> bytes:
    """Data with some bytes changed, or cut."""
    new = bytearray(data)
    for _ in range(chance.choice((1, 2, 4, 12))):
        new[chance.randrange(first, len(new))] = chance.choice((0, 0xFF, chance.randrange(256)))
    return bytes(new[: chance.randrange(first, len(new) + 1)] if chance.random() < 0.3 else new)


def exif(seed: int) -> Iterator[Case]:
    """EXIF data of which bytes are changed; an orientation that they happen to tell counts."""
    chance = random.Random(seed)
    whole = exif_data()
    for form in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF"):
        if form not in formats():
            continue
        names = numbered(f"exif-{form.lower()}", formats()[form][0])
        for _ in range(_NUM_CHANGED):
            broken = changed(whole, chance, first=6)[6:].ljust(len(whole) - 6, b"\xff")
            data = saved(quartered(), form, exif=whole).replace(whole[6:], broken)
            # Turned, where they happen to say so. Of a PNG they spoil a checksum.
            refused = DAMAGED if form == "PNG" else frozenset()
            yield Case(next(names), data, refused=refused, may_be_read=form == "PNG")
    for number, tags in enumerate(odd_tags()):
        exif_bytes = b"Exif\0\0II*\0\x08\0\0\0" + directory(tags, 8)
        for form in ("JPEG", "PNG", "WEBP"):
            data = saved(quartered(), form, exif=exif_bytes)
            yield Case(f"exif-odd-{number}.{formats()[form][0]}".encode(), data, SIZE, QUARTERS)
    loop = b"Exif\0\0II*\0\x08\0\0\0" + directory(
        {0x8769: (4, (8,)), 0x8825: (4, (8,))}, 8, following=8
    )
    yield Case(b"exif-loop.jpg", saved(quartered(), "JPEG", exif=loop), SIZE, QUARTERS)


def odd_tags() -> list[dict[int, tuple[int, bytes | tuple[int, ...]]]]:
    """Tags whose values are not what they should be."""
    return [
        {0x0112: (3, (0,))},
        {0x0112: (3, (9,))},
        {0x0112: (3, (65_535,))},
        {0x0112: (4, (2**32 - 1,))},
        {0x0112: (7, b"\x06")},
        {0x0112: (3, ())},
        {0x0112: (3, (1, 6, 6))},
        {0x9003: (7, b"\xff" * 40)},
        {0x010F: (7, b"\x00" * 30)},
        {0x010F: (7, b"\x1b[31mred\x07\n" * 5)},
        {0x8769: (4, (2**32 - 1,))},
        {0x8825: (4, (0,))},
        {0x8825: (3, (1, 2, 3))},
        {0x9C9E: (7, b"\xd8\x00\xdc")},
        {0x010F: (7, b"x" * 30_000)},
        {0x0132: (7, b"9999:99:99 99:99:99")},
        {0x0132: (7, b"0000:00:00 00:00:00")},
    ]


def xmp(seed: int) -> Iterator[Case]:
    """XMP packets that are broken, endless, or attacks on readers of XML."""
    chance = random.Random(seed + 2)
    packets = [
        b"",
        b"<",
        b"<x",
        b"\x00" * 50,
        b"<?xml version='1.0' encoding='utf-99'?><a/>",
        b"<a>" * 4000,
        packet(bag("a"))[:-80],
        packet(bag(*map(str, range(3000)))),
        packet("&undefined;"),
        packet(bag("x" * 40_000)),
        packet(bag("\x07")),
        packet(bag("a")).replace(b"rdf:Bag>", b"rdf:Bag>" * 2),
        b'<!DOCTYPE a [<!ENTITY b "'
        + b"c" * 1000
        + b'">'
        + b"".join(
            b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 50 if n else b"&b;" * 50)
            for n in range(9)
        )
        + b"]>"
        + packet("&b8;"),
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + packet(bag("&b;")),
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd">' + packet(bag("a")),
    ]
    packets += [changed(packet(bag("Grandma", "dog")), chance) for _ in range(_NUM_CHANGED)]
    original, plain = saved(quartered(), "JPEG"), saved(quartered(), "PNG")
    for number, content in enumerate(packets):
        if len(content) < 65_000:
            data = original[:2] + xmp_segment(content) + original[2:]
            yield Case(f"xmp-{number}.jpg".encode(), data, SIZE, QUARTERS)
        for compressed in (False, True):
            part = xmp_chunk(content, compressed=compressed)
            data = plain[:33] + part + plain[33:]
            yield Case(f"xmp-{number}-{compressed}.png".encode(), data, SIZE, QUARTERS)
        data = saved(quartered(), "WEBP", xmp=content) if content else saved(quartered(), "WEBP")
        yield Case(f"xmp-{number}.webp".encode(), data, SIZE, QUARTERS)


def iptc(seed: int) -> Iterator[Case]:
    """IPTC records and Photoshop resources that are broken."""
    chance = random.Random(seed + 3)
    whole = iim(b"Grandma", b"Zo\xeb", utf_8=True)
    original = saved(quartered(), "JPEG")
    bodies = [iptc_segment(changed(whole, chance)) for _ in range(_NUM_CHANGED)]
    bodies += [segment(0xED, changed(iptc_segment(whole)[4:], chance)) for _ in range(_NUM_CHANGED)]
    bodies += [
        iptc_segment(b"\x1c\x02\x19\xff\xff" + bytes(9)),
        iptc_segment(b"\x1c" * 200),
        iptc_segment(b"\x1c\x02\x19\x80\x04\x7f\xff\xff\xff"),
    ]
    for number, body in enumerate(bodies):
        data = original[:2] + body + original[2:]
        yield Case(f"iptc-{number}.jpg".encode(), data, SIZE, QUARTERS)


def profiles(seed: int) -> Iterator[Case]:
    """Colour profiles that are broken: lexret does not go by them, so nothing changes."""
    chance = random.Random(seed + 4)
    made_now = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    whole = made_now[:24] + bytes(12) + made_now[36:]  # without the time of making
    contents = [b"", b"x", b"\xff" * 500, whole[:128], whole[:60]]
    contents += [changed(whole, chance) for _ in range(8)]
    for number, profile in enumerate(contents):
        for form in ("JPEG", "PNG", "WEBP", "TIFF"):
            data = saved(quartered(), form, icc_profile=profile or None)
            name = f"profile-{number}.{formats()[form][0]}".encode()
            yield Case(name, data, SIZE, QUARTERS)
    plain = saved(quartered(), "PNG")
    for number, body in enumerate(
        (
            b"no end of its name",
            b"n\x00\x01" + bytes(9),
            b"n\x00\x00x",
            b"",
            b"n\x00\x00" + zlib.compress(b"x" * 99)[:-5],
        )
    ):
        data = plain[:33] + chunk(b"iCCP", body) + plain[33:]
        name = f"profile-chunk-{number}.png".encode()
        yield Case(name, data, SIZE, QUARTERS, DAMAGED, may_be_read=True)


def others() -> Iterator[Case]:
    """Other parts beside the pixels: segments of JPEG, chunks of PNG."""
    original, plain = saved(quartered(), "JPEG"), saved(quartered(), "PNG")
    segments = [
        segment(0xE2, b"MPF\0II*\0" + struct.pack("<I", 2**32 - 1)),
        segment(0xE2, b"MPF\0" + bytes(60)),
        segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff" + bytes(60)),
        segment(0xE2, b"ICC_PROFILE\0\x02\x01" + bytes(9)),
        segment(0xE2, b"ICC_PROFILE\0\x00\x00"),
        segment(0xE0, b"JFIF\0"),
        segment(0xE1, b"Exif\0\0"),
        segment(0xE1, b"Exif\0\0II*\0"),
        segment(0xFE, b"\x00" * 60_000),
        segment(0xEB, b"HDR_RI ver=11"),
        b"".join(segment(0xE1, b"x" * 60_000) for _ in range(40)),
    ]
    for number, part in enumerate(segments):
        data = original[:2] + part + original[2:]
        # Pillow takes no JFIF segment without a version.
        refused = DAMAGED if b"JFIF\0" in part else frozenset()
        name = f"segment-{number}.jpg".encode()
        yield Case(name, data, SIZE, QUARTERS, refused, may_be_read=bool(refused))
    chunks = [
        chunk(b"tIME", bytes(7)),
        chunk(b"tIME", b"\xff" * 7),
        chunk(b"pHYs", b"\x00"),
        chunk(b"gAMA", b""),
        chunk(b"cHRM", b"\x00" * 3),
        chunk(b"sRGB", b""),
        chunk(b"tRNS", b""),
        chunk(b"eXIf", b""),
        chunk(b"eXIf", b"\xff" * 90),
        chunk(b"iTXt", b""),
        chunk(b"zTXt", b"a\x00\x09zz"),
        chunk(b"tEXt", b"\xff" * 99),
        chunk(b"prIv", bytes(99)),
        chunk(b"tEXt", b"Raw profile type iptc\x00zz"),
        chunk(b"fcTL", bytes(5)),
    ]
    for number, part in enumerate(chunks):
        data = plain[:33] + part + plain[33:]
        yield Case(f"chunk-{number}.png".encode(), data, SIZE, QUARTERS, DAMAGED, may_be_read=True)


def cases(seed: int = 0) -> Iterator[Case]:
    """All of them, the same for the same seed."""
    yield from exif(seed)
    yield from xmp(seed)
    yield from iptc(seed)
    yield from profiles(seed)
    yield from others()
