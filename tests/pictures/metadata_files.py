"""Makes pictures with other programs' metadata in them, byte by byte."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import numpy as np
from PIL import Image

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
XMP_SIGN = b"http://ns.adobe.com/xap/1.0/\0"


def noise() -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(values)


def saved(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    noise().save(file, form, **options)
    return file.getvalue()


def packet(inside: str, *, declared: str = "", rdf: str = "rdf", behind: str = "") -> bytes:
    """An XMP packet of one description with something inside."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Some Program">\n'
        f' <{rdf}:RDF xmlns:{rdf}="{RDF}">\n'
        f'  <{rdf}:Description {rdf}:about="" xmlns:dc="{DC}"{declared}>\n'
        f"   {inside}\n"
        f"  </{rdf}:Description>{behind}\n"
        f" </{rdf}:RDF>\n"
        "</x:xmpmeta>\n" + " " * 200 + '\n<?xpacket end="w"?>'
    ).encode()


def bag(*texts: str, rdf: str = "rdf") -> str:
    items = "".join(f"\n     <{rdf}:li>{text}</{rdf}:li>" for text in texts)
    return f"<dc:subject>\n    <{rdf}:Bag>{items}\n    </{rdf}:Bag>\n   </dc:subject>"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def xmp_segment(content: bytes) -> bytes:
    return segment(0xE1, XMP_SIGN + content)


def extended_segment(content: bytes, *, offset: int = 0, total: int | None = None) -> bytes:
    name = b"0123456789ABCDEF" * 2
    head = struct.pack(">II", len(content) if total is None else total, offset)
    return segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + name + head + content)


def iim(*keywords: bytes, title: bytes = b"Title", utf_8: bool = False) -> bytes:
    sets = [(1, 90, b"\x1b%G")] if utf_8 else []
    sets += [(2, 5, title), *((2, 25, word) for word in keywords), (2, 80, b"Ada")]
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(value)) + value
        for record, number, value in sets
    )


def iptc_segment(data: bytes, *, digest: bytes | None = None, is_padded: bool = True) -> bytes:
    """Photoshop resources: one before the IPTC data, and their digest behind them."""
    resources = [(0x03ED, b"abc"), (0x0404, data)]
    resources += [] if digest is None else [(0x0425, digest)]
    body = b"".join(
        b"8BIM" + struct.pack(">HHI", kind, 0, len(value)) + value + b"\0" * (len(value) % 2)
        for kind, value in resources
    )
    body = body if is_padded else body.removesuffix(b"\0")
    return segment(0xED, b"Photoshop 3.0\0" + body)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def jpeg(*segments: bytes, **options: object) -> bytes:
    """A JPEG with segments behind its first one (JFIF)."""
    content = saved("JPEG", **options)
    end = 4 + struct.unpack_from(">H", content, 4)[0]
    return content[:end] + b"".join(segments) + content[end:]


def multi_picture(*behind: bytes) -> bytes:
    """A JPEG with a second one, which its MPF table leads to, and segments behind that table."""
    second = saved("JPEG", quality=30)
    entries = struct.pack("<IIIHH", 0x030000, 0, 0, 0, 0) + struct.pack("<IIIHH", 0, 0, 0, 0, 0)
    table = (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", 3)
        + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
        + struct.pack("<HHII", 0xB001, 4, 1, 2)
        + struct.pack("<HHII", 0xB002, 7, 32, 50)
        + b"\0\0\0\0"
        + entries
    )
    first = bytearray(jpeg(segment(0xE2, b"MPF\0" + table), *behind))
    base = first.index(b"MPF\0") + 4
    struct.pack_into("<I", first, base + 54, len(first))
    struct.pack_into("<II", first, base + 70, len(second), len(first) - base)
    return bytes(first) + second


def legacy(digest: bytes) -> bytes:
    """A packet with the digest of IPTC data as Adobe's programs keep it."""
    photoshop = "http://ns.adobe.com/photoshop/1.0/"
    given = f' xmlns:photoshop="{photoshop}" photoshop:LegacyIPTCDigest="{digest.hex().upper()}"'
    return packet(bag("a"), declared=given)


def chunk(kind: bytes, body: bytes) -> bytes:
    data = kind + body
    return struct.pack(">I", len(body)) + data + struct.pack(">I", zlib.crc32(data))


def png(*chunks: bytes) -> bytes:
    """A PNG with chunks behind its header."""
    content = saved("PNG")
    return content[:33] + b"".join(chunks) + content[33:]


def raw_profile(data: bytes, *, compressed: bool = False) -> bytes:
    """IPTC data in a PNG, as ImageMagick writes them."""
    text = b"\niptc\n%8d\n%s\n" % (len(data), data.hex().encode())
    body = b"Raw profile type iptc\0" + (b"\0" + zlib.compress(text) if compressed else text)
    return chunk(b"zTXt" if compressed else b"tEXt", body)


def xmp_chunk(content: bytes, *, compressed: bool = False) -> bytes:
    text = zlib.compress(content, 3) if compressed else content
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([compressed]) + b"\0\0\0" + text)


THEIRS = packet(bag("Grandma &amp; me", "dog"), declared=' xmlns:my="urn:my" my:rating="5"')
PANORAMA = packet(
    "<GPano:ProjectionType>equirectangular</GPano:ProjectionType>",
    declared=' xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" xmlns:GCamera='
    '"http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"',
)
EXIF = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
KITCHEN = "Kitchen;".encode("utf-16-le") + b"\0\0"
WINDOWS = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack(
    "<HHII", 0x9C9E, 1, len(KITCHEN), 26) + b"\0\0\0\0" + KITCHEN)  # fmt: skip
UTF_8 = "Ä".encode()

EXAMPLES = {
    "nothing.jpg": jpeg(),
    "progressive.jpg": saved("JPEG", progressive=True),
    "theirs.jpg": jpeg(EXIF, xmp_segment(THEIRS), segment(0xFE, b"a comment")),
    "behind.jpg": jpeg(segment(0xE2, b"FPXR\0"), xmp_segment(THEIRS)),
    "panorama.jpg": jpeg(xmp_segment(PANORAMA)),
    "utf-16.jpg": jpeg(xmp_segment(packet(bag("Zoë")).decode().encode("utf-16-le"))),
    "iptc.jpg": jpeg(iptc_segment(iim(b"Kitchen", b"kitchen", b"Zo\xeb"))),
    "iptc-title.jpg": jpeg(iptc_segment(iim())),
    "iptc-utf-8.jpg": jpeg(iptc_segment(iim(UTF_8, utf_8=True))),
    "iptc-zeros.jpg": jpeg(iptc_segment(iim(b"a") + b"\0\0\0")),
    "iptc-no-padding.jpg": jpeg(iptc_segment(iim(b"abc"), is_padded=False)),
    "digest.jpg": jpeg(iptc_segment(iim(b"a"), digest=md5(iim(b"a"))), xmp_segment(THEIRS)),
    "legacy-digest.jpg": jpeg(iptc_segment(iim(b"a")), xmp_segment(legacy(md5(iim(b"a"))))),
    "stale-digest.jpg": jpeg(iptc_segment(iim(b"a"), digest=md5(b"")), xmp_segment(THEIRS)),
    "two.jpg": multi_picture(),
    "two-iptc.jpg": multi_picture(iptc_segment(iim(b"Grandma"))),
    "two-xmp.jpg": multi_picture(xmp_segment(THEIRS), iptc_segment(iim(b"Grandma"))),
    "extended.jpg": jpeg(
        xmp_segment(packet("", declared=' xmlns:n="http://ns.adobe.com/xmp/note/" '
                           f'n:HasExtendedXMP="{"0123456789ABCDEF" * 2}"')),
        extended_segment(packet("<dc:title>long</dc:title>")[:99], total=len(
            packet("<dc:title>long</dc:title>"))),
        extended_segment(packet("<dc:title>long</dc:title>")[99:], offset=99, total=len(
            packet("<dc:title>long</dc:title>")))),
    "fill.jpg": jpeg(b"\xff\xff" + xmp_segment(THEIRS)),
    "trailer.jpg": jpeg(xmp_segment(PANORAMA)) + b"\0\0\0\x18ftypmp42" + bytes(99),
    "windows.jpg": jpeg(WINDOWS),
    "nothing.png": png(),
    "iptc.png": png(raw_profile(iim(b"Kitchen"))),
    "iptc-resources.png": png(raw_profile(iptc_segment(iim(b"Kitchen"))[18:], compressed=True)),
    "windows.png": png(chunk(b"eXIf", WINDOWS[10:])),
    "theirs.png": png(chunk(b"tEXt", b"Title\0t"), xmp_chunk(THEIRS)),
    "last.png": png()[:-12] + xmp_chunk(THEIRS) + png()[-12:] + b"behind",
    "compressed.png": png(xmp_chunk(THEIRS, compressed=True)),
}  # fmt: skip
