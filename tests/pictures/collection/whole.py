"""Pictures that are whole, of every format, mode, depth, size and orientation: all must be read."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from importlib import import_module

import numpy as np
from PIL import Image

from lexret.pictures.formats import OPTIONAL_FORMATS
from tests.pictures.collection.cases import (
    GREYS,
    QUARTERS,
    SIZE,
    Case,
    Quarters,
    quartered,
    saved,
)
from tests.pictures.made import grey_tiff

# Format -> ending, and the modes that are written.
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "JPEG": ("jpg", ("RGB", "L", "CMYK")),
    "PNG": ("png", ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")),
    "WEBP": ("webp", ("RGB", "RGBA")),
    "GIF": ("gif", ("RGB", "L", "P")),
    "BMP": ("bmp", ("RGB", "RGBA", "L", "P", "1")),
    "TIFF": ("tif", ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr", "LAB", "I;16", "F")),
    "PPM": ("ppm", ("RGB", "L", "1", "I;16")),
    "JPEG2000": ("jp2", ("RGB", "RGBA", "L")),
    "TGA": ("tga", ("RGB", "RGBA", "L", "P")),
    "ICO": ("ico", ("RGB", "RGBA")),
    "AVIF": ("avif", ("RGB", "RGBA")),
    "QOI": ("qoi", ("RGB", "RGBA")),
}
OPTIONAL = {"HEIF": ("heic", ("RGB",)), "JXL": ("jxl", ("RGB",))}
# JPEG 2000 and the others below know no EXIF orientation, or no reader follows it.
TURNED = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
# Grey TIFF files that Pillow has no mode for: bits, byte order, photometric interpretation.
UNSUPPORTED_DEPTHS = {(16, ">", 0), (32, "<", 0), (32, ">", 0), (32, ">", 1)}
SIZES = ((1, 1), (1, 97), (97, 1), (2, 3), (17, 9), (255, 3), (64, 64), (801, 5), (7, 1200))
_TURNS = {
    1: (0, 1, 2, 3), 2: (1, 0, 3, 2), 3: (3, 2, 1, 0), 4: (2, 3, 0, 1),
    5: (0, 2, 1, 3), 6: (2, 0, 3, 1), 7: (3, 1, 2, 0), 8: (1, 3, 0, 2),
}  # fmt: skip


def formats() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The formats that can be written here, with the packages that are installed."""
    Image.init()
    for package in OPTIONAL_FORMATS:
        if package.is_installed and package.name not in Image.SAVE:
            module = import_module(package.module)
            if package.name == "HEIF":
                module.register_heif_opener()
    extra = {name: value for name, value in OPTIONAL.items() if name in Image.SAVE}
    return {name: value for name, value in {**FORMATS, **extra}.items() if name in Image.SAVE}


def expected(mode: str) -> Quarters | None:
    """What the quarters of a picture of a mode look like."""
    if mode in ("1", "F", "I;16"):
        return None if mode == "1" else GREYS
    if mode in ("L", "LA"):
        grey = quartered("L").convert("RGB")
        places = ((16, 12), (48, 12), (16, 36), (48, 36))
        return tuple(grey.getpixel(place) for place in places)  # type: ignore[return-value]
    return QUARTERS


def of_mode(mode: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture of four quarters in a mode, which Pillow may not convert to by itself."""
    if mode == "I;16":
        grey = np.asarray(quartered("L", size, GREYS)).astype(np.uint16) * 257
        return Image.fromarray(grey)
    if mode == "F":
        grey = np.asarray(quartered("L", size, GREYS)).astype(np.float32)
        return Image.fromarray(grey)
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        transform = ImageCms.buildTransform(*profiles, "RGB", "LAB")
        lab = ImageCms.applyTransform(quartered("RGB", size), transform)
        assert lab is not None
        lab.info.clear()  # a profile holds the time of its making
        return lab
    return quartered(mode, size)


def plain() -> Iterator[Case]:
    """Every format in every mode that it has, and in odd sizes."""
    for form, (ending, modes) in formats().items():
        options = {"sizes": [SIZE]} if form == "ICO" else {}
        for mode in modes:
            name = f"plain-{mode.replace(';', '')}.{ending}".encode()
            data = saved(of_mode(mode), form, **options)
            yield Case(name, data, SIZE, expected(mode))
        for size in SIZES:
            if form == "ICO" and max(size) > 256:
                continue
            options = {"sizes": [size]} if form == "ICO" else {}
            name = f"size-{size[0]}x{size[1]}.{ending}".encode()
            yield Case(name, saved(of_mode(modes[0], size), form, **options), size)


def turned() -> Iterator[Case]:
    """Every orientation that EXIF knows, and numbers that it does not know."""
    for form, orientation in itertools.product(TURNED, range(12)):
        if form not in formats():
            continue
        exif = Image.Exif()
        exif[0x0112] = orientation
        places = _TURNS.get(orientation, _TURNS[1])
        size = SIZE[::-1] if orientation in (5, 6, 7, 8) else SIZE
        name = f"orientation-{orientation}.{formats()[form][0]}".encode()
        data = saved(quartered(), form, exif=exif.tobytes())
        quarters: Quarters = tuple(QUARTERS[place] for place in places)  # type: ignore[assignment]
        yield Case(name, data, size, quarters)


def variants() -> Iterator[Case]:
    """The ways in which encoders write the same picture."""
    options: list[tuple[str, dict[str, object]]] = []
    options += [
        ("JPEG", {"quality": quality, "progressive": progressive, "subsampling": subsampling})
        for quality in (1, 40, 75, 100)
        for progressive in (False, True)
        for subsampling in (0, 1, 2)
    ]
    options += [("JPEG", {"restart_marker_blocks": 1}), ("JPEG", {"optimize": True})]
    options += [("PNG", {"compress_level": level}) for level in (0, 1, 9)]
    options += [("WEBP", {"lossless": True}), ("WEBP", {"quality": 1}), ("WEBP", {"method": 6})]
    options += [
        ("TIFF", {"compression": kind})
        for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd")
    ]
    options += [("TIFF", {"big_tiff": True}), ("TGA", {"compression": "tga_rle"})]
    options += [("JPEG2000", {"irreversible": True}), ("JPEG2000", {"no_jp2": True})]
    options += [("JPEG2000", {"tile_size": (16, 16)}), ("AVIF", {"quality": 30})]
    options += [("GIF", {"interlace": 0}), ("GIF", {"interlace": 1})]
    for number, (form, values) in enumerate(options):
        if form not in formats():
            continue
        data = saved(quartered(), form, **values)
        tolerance = 110 if values.get("quality") == 1 else 60
        name = f"variant-{number}.{formats()[form][0]}".encode()
        yield Case(name, data, SIZE, QUARTERS, tolerance=tolerance)


def depths() -> Iterator[Case]:
    """Grey of many bits in both byte orders, black or white as 0."""
    for bits, order, photometric in itertools.product((8, 16, 32), "<>", (0, 1)):
        levels = np.asarray(quartered("L", SIZE, GREYS)).astype(np.float64) / 255
        levels = 1 - levels if photometric == 0 else levels
        most = 2**bits - 1
        values = (levels * min(most, 2**31 - 1)).astype(f"{order}u{bits // 8}")
        data = grey_tiff(
            values.tobytes(), *SIZE, bits=bits, photometric=photometric, order=order
        )  # fmt: skip
        name = f"depth-{bits}-{'big' if order == '>' else 'little'}-{photometric}.tif".encode()
        if (bits, order, photometric) in UNSUPPORTED_DEPTHS:
            yield Case(name, data, refused=frozenset({"unsupported kind of TIFF"}))
            continue
        # What 32 bits mean nobody says; see lexret.pictures.colours.
        yield Case(name, data, SIZE, GREYS if bits < 32 else None, tolerance=6)


def animated() -> Iterator[Case]:
    """Animations, whose first frames may show nothing."""
    blank = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    colour = quartered("RGBA")
    for form, ending in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png"), ("AVIF", "avif")):
        if form not in formats():
            continue
        for number, before in enumerate((0, 1, 3)):
            frames = [*(blank.copy() for _ in range(before)), colour, colour.rotate(180)]
            for index, frame in enumerate(frames[:before]):
                frame.putpixel((index, 0), (0, 0, 0, 1))  # encoders leave out equal frames
            data = saved(frames[0], form, save_all=True, append_images=frames[1:], duration=50)
            quarters = QUARTERS if before == 0 or form != "GIF" else None
            name = f"animated-{number}.{ending}".encode()
            yield Case(name, data, SIZE, quarters, tolerance=80)
    flicker = [Image.new("L", (8, 8), number % 256) for number in range(600)]
    file = io.BytesIO()
    flicker[0].save(file, "GIF", save_all=True, append_images=flicker[1:], duration=20)
    yield Case(b"animated-many.gif", file.getvalue(), (8, 8))


def cases() -> Iterator[Case]:
    """All of them."""
    for family in (plain, turned, variants, depths, animated):
        yield from family()
