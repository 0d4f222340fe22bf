"""Boxes: rectangles of upright pictures, as x, y, width and height in pixels of their full size.

Everywhere a part of a picture is named by a box of this kind, and cut out in one way: before the
picture is reduced, so that a part is seen as it would be if it were a file of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lexret.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

Box = tuple[int, int, int, int]
"""Left, top, width and height."""

_FORM: Final = re.compile(r"\s*(\d{1,9})" + r"\s*,\s*(\d{1,9})" * 3 + r"\s*", re.ASCII)


def parse_box(text: str) -> Box:
    """Read ``x,y,w,h``.

    Raises:
        InputError: if it is none.
    """
    found = _FORM.fullmatch(text)
    if found is None or not (int(found[3]) and int(found[4])):
        raise InputError(
            f"{text!r} is not a box; expected four whole numbers x,y,w,h: left, top, width and "
            "height in pixels, the last two above 0."
        )
    return int(found[1]), int(found[2]), int(found[3]), int(found[4])


def format_box(box: Box) -> str:
    """Return a box as :func:`parse_box` reads it."""
    return ",".join(map(str, box))


def check_box(box: Box, size: tuple[int, int]) -> Box:
    """Return a box; raise InputError unless it lies in a picture of that width and height."""
    if len(box) != 4:
        raise InputError(
            f"A box has four numbers, x,y,w,h: left, top, width and height; found {box!r}."
        )
    x, y, width, height = box
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > size[0] or y + height > size[1]:
        raise InputError(
            f"The box {format_box(box)} does not lie in the picture, which is {size[0]} x "
            f"{size[1]} pixels; expected x,y,w,h: left, top, width and height."
        )
    return box


def corners_of(box: Box) -> tuple[int, int, int, int]:
    """Return a box as x0, y0, x1, y1; the last two are past its end."""
    x, y, width, height = box
    return x, y, x + width, y + height


def cut_out(picture: Image.Image, box: Box) -> Image.Image:
    """Return a part of a picture of full size, reduced as ``lexret index`` reduces whole ones.

    Raises:
        InputError: if the box does not lie in the picture.
    """
    from lexret.pictures.decoding import reduced  # Pillow's import takes time

    return reduced(picture.crop(corners_of(check_box(box, picture.size))))
