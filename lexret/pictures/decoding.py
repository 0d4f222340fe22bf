"""Reads picture files as RGB, as they are meant to be seen.

Everything here may be called from several threads at once.
"""

from __future__ import annotations

import io
import os
import stat
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from PIL import Image

from lexret.errors import ImageError
from lexret.pictures.colours import shows_something, small_rgb, tones_of, transparent_colour
from lexret.pictures.exif import NO_TAGS, CameraTags
from lexret.pictures.formats import ANIMATED_FORMATS
from lexret.pictures.memory import decoding_cost
from lexret.pictures.opening import (
    Admission,
    OpenedPicture,
    broken,
    check_cost,
    open_header,
    pixel_limit,
)
from lexret.pictures.packed import PackedPicture, PictureFile
from lexret.pictures.presence import no_picture

# Phones make pictures of up to 200 million pixels.
MAX_PIXELS: Final = 250_000_000
# What a picture is reduced to on its way into a model, which looks at a few hundred pixels a side.
ENCODING_MIN_SIDE: Final = 768
# How many pixels a reduced picture has at most, in squares of the smallest side: so many that only
# pictures longer than 3:2 are reduced further than that side asks for.
MAX_REDUCED_SQUARES: Final = 6
# Of an animation whose first frames are blank so many frames are looked at.
MAX_FRAMES: Final = 50

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING: Final = frozenset({5, 6, 7, 8})


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


def open_photo(path: str | os.PathLike[str]) -> Image.Image:
    """Read a picture file as ``lexret index`` does: what an encoder makes of it is what is indexed.

    Raises:
        MissingError: if there is no such file.
        ImageError: if it is not a readable picture; ``reason`` says why in a few words.
    """
    return open_image(Path(path), min_side=ENCODING_MIN_SIDE)


def open_image(
    path: PictureFile, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Image.Image:
    """Read a picture as RGB; see :func:`open_picture`, which also tells the size."""
    return open_picture(path, max_pixels=max_pixels, min_side=min_side).image


def open_picture(
    path: PictureFile, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Picture:
    """Read a picture file, or a picture in a file of many; see :func:`read_picture`.

    Raises:
        MissingError: if there is no such file.
        ImageError: if it is not a readable picture; ``reason`` says why in a few words.
    """
    if isinstance(path, PackedPicture):
        content = io.BytesIO(path.read())
        return read_picture(content, str(path), max_pixels=max_pixels, min_side=min_side)
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
        raise no_picture(path) from error
    except IsADirectoryError as error:
        raise ImageError(
            f"{path} is a folder; expected a picture file.", reason="not a picture"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ImageError:
    """Say that the system does not let a file be read."""
    return ImageError(f"{path} cannot be read: {error.strerror or error}.", reason="unreadable")


def read_picture(
    file: IO[bytes],
    name: str,
    *,
    max_pixels: int = MAX_PIXELS,
    min_side: int | None = None,
    admit: Admission = nullcontext,
) -> Picture:
    """Read a picture as RGB: upright, on white where it is transparent, 8 bits a channel.

    Of an animation the first frame that shows something is read, of a camera's raw file the
    largest JPEG picture in it. The size is checked before anything is decoded.

    Args:
        file: opened for reading bytes, at its beginning.
        name: what to call it in messages.
        max_pixels: larger pictures are refused, and those that take more than 10 bytes for each of
            so many to decode.
        min_side: reduce a larger picture by a whole number such that no side falls below so many
            pixels, except where it is longer than 3:2: it has at most ``MAX_REDUCED_SQUARES``
            times the square of that. JPEG files are decoded faster then.
        admit: is asked before the picture is decoded, with the bytes that this takes at most.

    Raises:
        ImageError: if it is not a readable picture.
    """
    with pixel_limit(max_pixels), ExitStack() as held:

        def hold(num_bytes: int) -> None:
            held.enter_context(admit(num_bytes))

        opened = open_header(file, name, max_pixels=max_pixels, admit=hold)
        image, size = opened.image, opened.image.size
        try:
            if min_side is not None:
                factor = _reduction(size, min_side)
                image.draft(None, (size[0] // factor, size[1] // factor))
            if not opened.is_decoded:
                cost = decoding_cost(image, size)
                check_cost(name, size, cost, max_pixels)
                hold(cost)
            rgb = _decode(image, min_side)
            if image.format == "TIFF":
                size = image.size  # Pillow turns TIFF pictures, and only those, as it loads them
            return _upright(rgb, size, opened)
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever a broken file drives them to
            raise broken(name, error) from error


def reduced(image: Image.Image, *, min_side: int = ENCODING_MIN_SIDE) -> Image.Image:
    """Return a picture reduced by the whole number by which :func:`read_picture` reduces it."""
    return image.reduce(_reduction(image.size, min_side))


def read_tags(file: IO[bytes], name: str, *, max_pixels: int = MAX_PIXELS) -> CameraTags:
    """Read what the camera wrote into a picture without decoding it, where its format allows.

    Raises:
        ImageError: if it is not a readable picture.
    """
    with pixel_limit(max_pixels):
        return open_header(file, name, max_pixels=max_pixels, admit=lambda cost: None).tags()


def _upright(rgb: Image.Image, size: tuple[int, int], opened: OpenedPicture) -> Picture:
    tags, orientation = opened.tags(), opened.orientation()
    turn = _TURNS.get(orientation)
    width, height = reversed(size) if orientation in _LYING else size
    return Picture(rgb if turn is None else rgb.transpose(turn), width, height, tags)


def _decode(image: Image.Image, min_side: int | None) -> Image.Image:
    """Return the first frame that shows something, reduced; the first where none does."""
    first = _decode_frame(image, min_side)
    if image.format not in ANIMATED_FORMATS or shows_something(first):
        return first
    try:
        if getattr(image, "is_animated", False):
            for number in range(1, MAX_FRAMES):
                image.seek(number)
                frame = _decode_frame(image, min_side)
                if shows_something(frame):
                    return frame
    except MemoryError:
        raise
    except Exception:  # the end of the animation, or what is broken behind the first frame
        return first
    return first


def _decode_frame(image: Image.Image, min_side: int | None) -> Image.Image:
    transparent = transparent_colour(image)
    image.load()
    factor = 1 if min_side is None else _reduction(image.size, min_side)
    return small_rgb(image, factor, tones_of(image, transparent))


def _reduction(size: tuple[int, int], min_side: int) -> int:
    """Return by what whole number the sides of a picture are divided; see ``read_picture``."""
    factor = max(1, min(size) // min_side)
    width, height = size
    while -(-width // factor) * -(-height // factor) > MAX_REDUCED_SQUARES * min_side**2:
        factor += 1
    return factor
