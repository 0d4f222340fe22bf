"""Which formats of pictures are read, with what, and what to say of those that are not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Final

from PIL import Image

from lexret.errors import ImageError

RAW_EXTENSIONS: Final = frozenset({
    ".dng", ".nef", ".nrw", ".arw", ".sr2", ".cr2", ".cr3", ".pef", ".srw", ".3fr", ".fff", ".erf",
    ".kdc", ".dcr", ".mef", ".rwl", ".rw2", ".raf", ".gpr",
})  # fmt: skip
# HEIC and JPEG XL are looked for where nothing reads them too: they are reported, not overlooked.
EXTENSIONS: Final = RAW_EXTENSIONS | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".jpx", ".tga", ".ico",
    ".avif", ".mpo", ".qoi", ".heic", ".heif", ".hif", ".jxl",
}  # fmt: skip
# Without the formats that run programs or fetch files (EPS, WMF) and those for films.
_FORMATS: Final = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "TGA", "ICO",
    "AVIF", "QOI",
)  # fmt: skip
ANIMATED_FORMATS: Final = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
# As many bytes of a file as its format is told from.
HEAD_BYTES: Final = 16


@dataclass(frozen=True)
class OptionalFormat:
    """A format that a package beside Pillow reads.

    Attributes:
        name: Pillow's for it.
        called: what people call it.
        module: to import; Pillow knows the format from then on.
        package: that holds it.
        extra: of lexret, which installs it.
    """

    name: str
    called: str
    module: str
    package: str
    extra: str

    @property
    def is_installed(self) -> bool:
        """Whether the package is there."""
        return find_spec(self.module) is not None


HEIF: Final = OptionalFormat("HEIF", "HEIC/HEIF", "pillow_heif", "pillow-heif", "heif")
JPEG_XL: Final = OptionalFormat("JXL", "JPEG XL", "pillow_jxl", "pillow-jxl-plugin", "jxl")
OPTIONAL_FORMATS: Final = (HEIF, JPEG_XL)

_HEIF_BRANDS: Final = frozenset({
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1",
})  # fmt: skip
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_JPEG_XL_HEADS: Final = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")
# How files of other formats begin that nothing else begins like, and what the formats are called.
_SIGNS: Final = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"), (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"qoif", "QOI"), (b"\x00\x00\x01\x00", "ICO"),
)  # fmt: skip
_TIFF_HEADS: Final = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def optional_format(head: bytes) -> OptionalFormat | None:
    """Return the format that a file's first bytes tell, if it takes a package beside Pillow."""
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return HEIF
    return JPEG_XL if head.startswith(_JPEG_XL_HEADS) else None


def readers(head: bytes) -> tuple[str, ...]:
    """Return the formats that Pillow may take a file with these first bytes for.

    A package that reads such a file is imported where it is installed.

    Raises:
        ImageError: if it is installed and cannot be imported.
    """
    wanted = optional_format(head)
    if wanted is not None and wanted.is_installed and wanted.name not in Image.OPEN:
        try:
            module = import_module(wanted.module)
        except ImportError as error:
            raise ImageError(
                f"A {wanted.called} picture cannot be read, as {wanted.package} is installed and "
                f"cannot be imported: {error}. Install it again: pip install --force-reinstall "
                f"{wanted.package}",
                reason=f"{wanted.called}, {wanted.package} is broken",
            ) from error
        if wanted is HEIF:
            module.register_heif_opener()
    if wanted is not None and wanted.name in Image.OPEN:
        return (*_plain_formats(), wanted.name)
    return _plain_formats()


@cache
def _plain_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)  # AVIF is not in every Pillow


def why_unknown(head: bytes) -> tuple[str, str]:
    """Say why no reader took a file: a sentence's end, and a short, countable reason."""
    wanted = optional_format(head)
    if wanted is not None and not wanted.is_installed:
        return (
            f"is a {wanted.called} picture; to read it, install {wanted.package}: "
            f'pip install "lexret[{wanted.extra}]"',
            f"{wanted.called}, needs lexret[{wanted.extra}]",
        )
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS and not _reads_avif():
        return (
            "is an AVIF picture, which this Pillow does not read; expected Pillow 11.3 or later: "
            "pip install --upgrade pillow",
            "AVIF, needs Pillow 11.3",
        )
    if head.startswith(_TIFF_HEADS):
        return "is a TIFF file of a kind that Pillow does not read", "unsupported kind of TIFF"
    called = _called(head)
    if called is not None:
        return f"begins like a {called} picture, but what follows is damaged", "damaged"
    return (
        "is not a picture in a known format; expected JPEG, PNG, WebP, TIFF, GIF, HEIC or the like",
        "not a picture",
    )


def _called(head: bytes) -> str | None:
    """Return what the format is called that a file's first bytes are the sign of, if any."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS | _HEIF_BRANDS:
        return "AVIF" if head[8:12] in _AVIF_BRANDS else HEIF.called
    if head.startswith(_JPEG_XL_HEADS):
        return JPEG_XL.called
    return next((called for sign, called in _SIGNS if head.startswith(sign)), None)


def _reads_avif() -> bool:
    from PIL import features

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a Pillow that does not know the name
        return bool(features.check("avif"))


def size_before_opening(file: IO[bytes], head: bytes) -> tuple[int, int] | None:
    """Return the size of a picture whose reader decodes it as it opens it; ``None`` for others."""
    if head.startswith(b"\x00\x00\x01\x00"):
        return _largest_icon(file)
    if head.startswith(_JPEG_XL_HEADS):
        return _jpeg_xl_size(file, head)
    return None


def _largest_icon(file: IO[bytes]) -> tuple[int, int]:
    """Look into the pictures of an ICO file, as its own list says 256 pixels at most."""
    file.seek(0)
    listing = file.read(6)
    entries = file.read(16 * int.from_bytes(listing[4:6], "little"))
    sizes = [(1, 1)]
    for start in range(0, len(entries) - 15, 16):
        file.seek(int.from_bytes(entries[start + 12 : start + 16], "little"))
        inner = file.read(24)
        if inner.startswith(b"\x89PNG\r\n\x1a\n"):
            sides = inner[16:20], inner[20:24]
            sizes.append((int.from_bytes(sides[0], "big"), int.from_bytes(sides[1], "big")))
        else:
            sides = inner[4:8], inner[8:12]
            height = int.from_bytes(sides[1], "little") // 2  # the mask lies below the picture
            sizes.append((int.from_bytes(sides[0], "little"), height))
    return max(sizes, key=lambda size: size[0] * size[1])


def _jpeg_xl_size(file: IO[bytes], head: bytes) -> tuple[int, int] | None:
    """Read the SizeHeader of a JPEG XL file (ISO/IEC 18181-1); ``None`` where it is cut short."""
    if head.startswith(_JPEG_XL_HEADS[0]):
        file.seek(2)
        return _size_header(file.read(12))
    for kind, start, _ in boxes(file, 0, None):
        if kind in (b"jxlc", b"jxlp"):
            file.seek(start + (4 if kind == b"jxlp" else 0))
            return _size_header(file.read(14)[2:])
    return None


_RATIOS: Final = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDE_BITS: Final = (9, 13, 18, 30)


def _size_header(data: bytes) -> tuple[int, int] | None:
    bits = int.from_bytes(data, "little")
    taken = 0

    def take(count: int) -> int:
        nonlocal bits, taken
        value, bits, taken = bits & ((1 << count) - 1), bits >> count, taken + count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take(_SIDE_BITS[take(2)])

    height = side()
    ratio = take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        width = height * across // down
    else:
        width = side()
    return (width, height) if taken <= 8 * len(data) else None


def boxes(file: IO[bytes], start: int, end: int | None) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes of an ISO base media file: kind, where the content begins and ends.

    Args:
        start: where the first one begins.
        end: where the last one ends at most; without it the file's end.
    """
    if end is None:
        end = file.seek(0, 2)
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        size, content = int.from_bytes(header[:4], "big"), start + 8
        if size == 1:
            size, content = int.from_bytes(header[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if size < content - start:
            return
        yield header[4:8], content, min(start + size, end)
        start += size
