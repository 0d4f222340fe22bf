"""Finds picture files and reads them as RGB, as they are meant to be seen.

Everything here may be called from several threads at once.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lexret.errors import ImageError, InputError, MissingError
from lexret.pictures.exif import NO_TAGS, CameraTags, read_camera_tags

# HEIC and HEIF are looked for although Pillow cannot read them: they are reported, not overlooked.
EXTENSIONS: Final = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".jpx", ".tga", ".ico",
    ".avif", ".mpo", ".qoi", ".heic", ".heif",
})  # fmt: skip
# Without the formats that run programs or fetch files (EPS, WMF) and those for films.
_FORMATS: Final = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "TGA", "ICO",
    "AVIF", "QOI",
)  # fmt: skip
# What Pillow itself refuses to open; phones make pictures of up to 200 million pixels.
MAX_PIXELS: Final = 178_956_970
# What a picture is reduced to on its way into a model, which looks at a few hundred pixels a side.
ENCODING_MIN_SIDE: Final = 768
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"})
_TRANSPARENT_MODES: Final = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_open_lock = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A picture that was read.

    Attributes:
        image: RGB, upright; smaller than the file's where that was asked for.
        width: of the upright picture in the file, in pixels.
        height: of the upright picture in the file, in pixels.
        tags: what the camera wrote into the file.
    """

    image: Image.Image
    width: int
    height: int
    tags: CameraTags = NO_TAGS


def find_images(
    root: Path, *, on_unreadable: Callable[[Path, OSError], None] | None = None
) -> Iterator[Path]:
    """Yield the files beneath ``root`` that have the extension of a picture, in a fixed order.

    Hidden files and folders (also ``.lexret``) are left out. A link to a folder is followed once,
    and only where it leads out of ``root``.

    Args:
        on_unreadable: is told of folders that cannot be listed; without it they are an error.

    Raises:
        MissingError: if there is no such folder.
        InputError: if it is not a folder or cannot be listed.
    """
    if not root.exists():
        raise MissingError(f"There is no folder {root}.")
    if not root.is_dir():
        raise InputError(f"{root} is a file; expected a folder of pictures.")
    yield from _walk(root, root.resolve(), set(), on_unreadable)


def _walk(
    folder: Path,
    root: Path,
    linked: set[Path],
    on_unreadable: Callable[[Path, OSError], None] | None,
) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        if on_unreadable is None:
            raise InputError(f"The folder {folder} cannot be listed: {error.strerror}.") from error
        on_unreadable(folder, error)
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        mode = _mode(entry)
        if stat.S_ISREG(mode):
            if path.suffix.lower() in EXTENSIONS:
                yield path
        elif stat.S_ISDIR(mode) and (not entry.is_symlink() or _leads_out(path, root, linked)):
            yield from _walk(path, root, linked, on_unreadable)


def _mode(entry: os.DirEntry[str]) -> int:
    """Return what a name leads to; 0 for a link that leads nowhere, in a circle or out of reach."""
    try:
        return entry.stat().st_mode
    except OSError:
        return 0


def _leads_out(link: Path, root: Path, linked: set[Path]) -> bool:
    """Whether a link leads to a folder that is not walked anyway, and note it."""
    target = link.resolve()
    walked = (root, *linked)
    if any(target.is_relative_to(one) or one.is_relative_to(target) for one in walked):
        return False
    linked.add(target)
    return True


def open_image(
    path: Path, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Image.Image:
    """Read a picture file as RGB; see :func:`open_picture`, which also tells the size."""
    return open_picture(path, max_pixels=max_pixels, min_side=min_side).image


def open_picture(
    path: Path, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Picture:
    """Read a picture file; see :func:`read_picture`.

    Raises:
        MissingError: if there is no such file.
        ImageError: if it is not a readable picture; ``reason`` says why in a few words.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise ImageError(
                f"{path} is neither a file nor a folder; expected a picture file, not a pipe or "
                "a device.",
                reason="not a picture",
            )
        with path.open("rb") as file:
            return read_picture(file, str(path), max_pixels=max_pixels, min_side=min_side)
    except FileNotFoundError as error:
        raise MissingError(f"There is no picture {path}.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path} is a folder, not a picture.", reason="not a picture") from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ImageError:
    """Say that the system does not let a file be read."""
    return ImageError(f"{path} cannot be read: {error.strerror or error}.", reason="unreadable")


def read_picture(
    file: IO[bytes], name: str, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Picture:
    """Read a picture as RGB: upright, on white where it is transparent, 8 bits a channel.

    Of an animation the first frame is read. The size is checked before anything is decoded.

    Args:
        file: opened for reading bytes, at its beginning.
        name: what to call it in messages.
        max_pixels: larger pictures are refused; above ``MAX_PIXELS`` Pillow refuses all the same.
        min_side: reduce a larger picture by a whole number such that no side falls below so many
            pixels. JPEG files are decoded faster then.

    Raises:
        ImageError: if it is not a readable picture.
    """
    image = _open(file, name)
    width, height = image.size
    if width * height > max_pixels:
        raise _too_many_pixels(name, f"{width:,} x {height:,} pixels", max_pixels)
    try:
        if min_side is not None:
            image.draft(None, (min_side, min_side))
        image.load()
        tags = read_camera_tags(image)
        rgb = _to_rgb(_upright(image))
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever a broken file drives them to
        raise _broken(name, error) from error
    turned = (width > height) != (rgb.width > rgb.height)
    if min_side is not None:
        rgb = reduced(rgb, min_side=min_side)
    return Picture(rgb, *((height, width) if turned else (width, height)), tags)


def reduced(image: Image.Image, *, min_side: int = ENCODING_MIN_SIDE) -> Image.Image:
    """Return a picture reduced by the greatest whole number that leaves each side so long."""
    return image.reduce(max(1, min(image.size) // min_side))


def read_tags(file: IO[bytes], name: str) -> CameraTags:
    """Read what the camera wrote into a picture without decoding it, where its format allows.

    Raises:
        ImageError: if it is not a readable picture.
    """
    return read_camera_tags(_open(file, name))


def open_header(file: IO[bytes], name: str) -> Image.Image:
    """Open a picture without decoding it; raises ImageError where it is not readable."""
    return _open(file, name)


def _open(file: IO[bytes], name: str) -> Image.Image:
    head = file.read(12)
    file.seek(0)
    if not head:
        raise ImageError(f"{name} is empty (0 bytes).", reason="empty file")
    try:
        # Pillow warns before its size can be asked; the filters belong to the whole process.
        with _open_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file, formats=_formats())
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name, _pixels_refused(error), MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
            raise ImageError(
                f"{name} is a HEIC/HEIF picture, which is not supported; convert it to JPEG.",
                reason="unsupported format (HEIC)",
            ) from error
        raise ImageError(
            f"{name} is not a picture in a known format.", reason="not a picture"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise _broken(name, error) from error


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(one for one in _FORMATS if one in Image.OPEN)  # AVIF is not in every Pillow


def _too_many_pixels(name: str, found: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{name} is too large: {found}; at most {max_pixels:,} pixels are read.",
        reason="too many pixels",
    )


def _pixels_refused(error: Image.DecompressionBombError) -> str:
    """Take from Pillow's message what it found, without its talk of attacks."""
    found = re.search(r"\((\d+) pixels\)", str(error))
    return f"{int(found[1]):,} pixels" if found else str(error).rstrip(".")


def _broken(name: str, error: Exception) -> ImageError:
    text = str(error) or type(error).__name__
    cut = any(sign in text.lower() for sign in ("truncated", "unexpected end", "premature"))
    if cut or isinstance(error, EOFError):
        return ImageError(f"{name} is cut short: {text}.", reason="truncated")
    return ImageError(f"{name} is damaged: {text}.", reason="damaged")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF data tell no orientation; the picture itself is whole
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _scale_to_8_bits(image).convert("RGB")
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    """Bring grey of more than 8 bits to 8: Pillow's own conversion would cut off at 255.

    Files of 16 bits are divided by 257. Of the wider types, whose range no header tells, numbers
    up to 1 (floating point), 255 and 65535 are taken to fill these ranges, others their own.
    """
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    highest = float(values.max())
    if image.mode.startswith("I;16") or image.format in ("PNG", "PPM"):
        top = 65535.0
    elif image.mode == "F" and highest <= 1:
        top = 1.0
    else:
        top = next((limit for limit in (255.0, 65535.0) if highest <= limit), highest)
    return Image.fromarray(np.clip(values * (255 / top) + 0.5, 0, 255).astype(np.uint8))
