"""The picture with numbered rectangles around chosen regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from lexret.explain.clouds import font_path
from lexret.explain.palette import region_colour
from lexret.explain.regions import Box

MIN_LONG_SIDE = 640
MAX_LONG_SIDE = 1600

_DARK = "#101418"
_PALE = "#ffffff"


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle to draw: (x0, y0, x1, y1) in pixels of the upright picture, and its number."""

    number: int
    box: Box


def fit_for_display(photo: Image.Image) -> Image.Image:
    """Return the picture with its long side within 640 to 1600 pixels, its shape kept."""
    longest = max(photo.size)
    wanted = min(max(longest, MIN_LONG_SIDE), MAX_LONG_SIDE)
    if wanted == longest:
        return photo.convert("RGB")
    scale = wanted / longest
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def draw_overlay(photo: Image.Image, marks: Sequence[Mark]) -> Image.Image:
    """Draw marks over a picture, in display size (:func:`fit_for_display`).

    Each outline is a coloured line between a dark and a pale one, so that it stands out from
    any picture; the number sits in a free corner of its rectangle.
    """
    canvas = fit_for_display(photo)
    canvas = canvas.copy() if canvas is photo else canvas
    scale_x, scale_y = canvas.width / photo.width, canvas.height / photo.height
    unit = max(1, round(max(canvas.size) / 700))
    draw = ImageDraw.Draw(canvas)
    boxes = []
    for mark in marks:
        x0, y0, x1, y1 = mark.box
        box = (
            round(x0 * scale_x),
            round(y0 * scale_y),
            round(x1 * scale_x) - 1,
            round(y1 * scale_y) - 1,
        )
        boxes.append(box)
        _outline(draw, box, region_colour(mark.number), unit)
    badges: list[tuple[int, int, int, int]] = []
    for mark, box in zip(marks, boxes, strict=True):
        badge = _free_corner(box, 22 * unit, canvas.size, badges)
        badges.append(badge)
        _number(draw, badge, mark.number, unit)
    return canvas


def _outline(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: str, unit: int
) -> None:
    """Draw three nested lines, from the rectangle's edge inwards: dark, coloured, pale."""
    inset = 0
    for line_colour, thickness in ((_DARK, unit), (colour, 2 * unit), (_PALE, unit)):
        x0, y0, x1, y1 = box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset
        if x1 >= x0 and y1 >= y0:
            draw.rectangle((x0, y0, x1, y1), outline=line_colour, width=thickness)
        inset += thickness


def _number(
    draw: ImageDraw.ImageDraw, badge: tuple[int, int, int, int], number: int, unit: int
) -> None:
    draw.rounded_rectangle(
        badge, radius=5 * unit, fill=region_colour(number), outline=_PALE, width=unit
    )
    centre = ((badge[0] + badge[2]) / 2, (badge[1] + badge[3]) / 2)
    text = str(number)
    size = 15 * unit if len(text) == 1 else 11 * unit
    font = ImageFont.truetype(font_path(), size)
    draw.text(centre, text, font=font, fill=_PALE, anchor="mm")


def _free_corner(
    box: tuple[int, int, int, int],
    side: int,
    canvas_size: tuple[int, int],
    others: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Return the first badge place in or along the box that covers no earlier badge."""
    width, height = canvas_size
    first = None
    for x, y in _badge_places(box, side):
        x = max(0, min(x, width - side - 1))
        y = max(0, min(y, height - side - 1))
        place = (x, y, x + side, y + side)
        first = first or place
        if not any(_overlap(place, other) for other in others):
            return place
    return first or (0, 0, side, side)


def _badge_places(box: tuple[int, int, int, int], side: int) -> Iterator[tuple[int, int]]:
    x0, y0, x1, y1 = box
    yield from ((x0, y0), (x1 - side, y0), (x1 - side, y1 - side), (x0, y1 - side))
    for x in range(x0 + side + 2, x1 - side, side + 2):
        yield x, y0
    for y in range(y0 + side + 2, y1 - side, side + 2):
        yield x0, y


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
