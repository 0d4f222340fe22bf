"""Overlay: a picture with numbered outlines around some regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from lexret.explain.drawing.clouds import font
from lexret.explain.drawing.palette import region_colour
from lexret.explain.patches.regions import Box

MIN_LONG_SIDE = 640
MAX_LONG_SIDE = 1600

_DARK = "#101418"
_PALE = "#ffffff"


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark: an outline to draw in a picture, in pixels of the upright picture.

    Attributes:
        number: the number to write next to it.
        box: (x0, y0, x1, y1), its bounding box.
        cells: the rectangles of a grid that make up its shape; without any, the box is outlined.
    """

    number: int
    box: Box
    cells: tuple[Box, ...] = ()


def fit_for_display(photo: Image.Image) -> Image.Image:
    """Return the picture with its long side within 640 to 1600 pixels, its shape kept."""
    longest = max(photo.size)
    wanted = min(max(longest, MIN_LONG_SIDE), MAX_LONG_SIDE)
    if wanted == longest:
        return photo.convert("RGB")
    scale = wanted / longest
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def draw_overlay(
    photo: Image.Image, marks: Sequence[Mark], *, measured_in: tuple[int, int] | None = None
) -> Image.Image:
    """Draw marks over a picture.

    Each outline is a coloured line between a dark and a pale one, so it stands out from any
    picture. The number is in a free corner of its rectangle, or next to a small one.

    Args:
        photo: in the size to draw it in.
        marks: what to draw.
        measured_in: (width, height) of the picture that boxes are measured in; by default the
            photo's size.
    """
    canvas = photo.convert("RGB").copy()
    width, height = measured_in or photo.size
    scale_x, scale_y = canvas.width / width, canvas.height / height
    unit = max(1.0, max(canvas.size) / 560)
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
        if mark.cells:
            cells = [(a * scale_x, b * scale_y, c * scale_x, d * scale_y)
                     for a, b, c, d in mark.cells]  # fmt: skip
            _outline_shape(draw, cells, region_colour(mark.number), unit)
            x0, y0, x1, y1 = (round(value) for value in cells[0])
            box = (x0, y0, x1 - 1, y1 - 1)
        else:
            _outline(draw, box, region_colour(mark.number), unit)
        boxes.append(box)
    badges: list[tuple[int, int, int, int]] = []
    for mark, box in zip(marks, boxes, strict=True):
        badge = _free_corner(box, round(22 * unit), canvas.size, badges)
        badges.append(badge)
        _number(draw, badge, mark.number, unit)
    return canvas


def _outline(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: str, unit: float
) -> None:
    """Draw three nested lines, from the rectangle's edge inwards: dark, coloured, pale."""
    inset, thin = 0, round(unit)
    for line_colour, thickness in ((_DARK, thin), (colour, 2 * thin), (_PALE, thin)):
        x0, y0, x1, y1 = box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset
        if x1 >= x0 and y1 >= y0:
            draw.rectangle((x0, y0, x1, y1), outline=line_colour, width=thickness)
        inset += thickness


def _outline_shape(
    draw: ImageDraw.ImageDraw, cells: Sequence[Box], colour: str, unit: float
) -> None:
    """Draw the outer sides of some cells, just inside of them."""
    taken = {(round(x0), round(y0)) for x0, y0, _, _ in cells}
    for x0, y0, x1, y1 in cells:
        left, right = (round(2 * x0 - x1), round(y0)), (round(x1), round(y0))
        above, below = (round(x0), round(2 * y0 - y1)), (round(x0), round(y1))
        inset = 2 * unit
        sides = (
            (left, (x0 + inset, y0, x0 + inset, y1)),
            (right, (x1 - inset, y0, x1 - inset, y1)),
            (above, (x0, y0 + inset, x1, y0 + inset)),
            (below, (x0, y1 - inset, x1, y1 - inset)),
        )
        for neighbour, line in sides:
            if not _near(neighbour, taken):
                draw.line(line, fill=_PALE, width=round(4 * unit))
                draw.line(line, fill=colour, width=round(2.4 * unit))


def _near(place: tuple[int, int], taken: set[tuple[int, int]]) -> bool:
    """Return whether a corner is among others; rounding may have shifted it by a pixel."""
    x, y = place
    return any((x + dx, y + dy) in taken for dx in (-1, 0, 1) for dy in (-1, 0, 1))


def _number(
    draw: ImageDraw.ImageDraw, badge: tuple[int, int, int, int], number: int, unit: float
) -> None:
    draw.rounded_rectangle(
        badge, radius=5 * unit, fill=region_colour(number), outline=_PALE, width=round(unit)
    )
    centre = ((badge[0] + badge[2]) / 2, (badge[1] + badge[3]) / 2)
    text = str(number)
    size = 15 * unit if len(text) == 1 else 11 * unit
    draw.text(centre, text, font=font(size), fill=_PALE, anchor="mm")


def _free_corner(
    box: tuple[int, int, int, int],
    side: int,
    canvas_size: tuple[int, int],
    others: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Return the first place for a badge at a box that does not cover an earlier badge."""
    width, height = canvas_size
    first = None
    for x, y in _badge_places(box, side):
        place = (x, y, x + side, y + side)
        if x < 0 or y < 0 or x + side >= width or y + side >= height:
            continue
        first = first or place
        if not any(_overlap(place, other) for other in others):
            return place
    return first or (0, 0, side, side)


def _badge_places(box: tuple[int, int, int, int], side: int) -> Iterator[tuple[int, int]]:
    x0, y0, x1, y1 = box
    if min(x1 - x0, y1 - y0) < 2 * side:  # inside, the number would hide the region
        yield from ((x0, y0 - side), (x0, y1), (x0 - side, y0), (x1, y0))
    yield from ((x0, y0), (x1 - side, y0), (x1 - side, y1 - side), (x0, y1 - side))
    for x in range(x0 + side + 2, x1 - side, side + 2):
        yield x, y0
    for y in range(y0 + side + 2, y1 - side, side + 2):
        yield x0, y


def _overlap(badge: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return (
        badge[0] <= other[2]
        and other[0] <= badge[2]
        and badge[1] <= other[3]
        and other[1] <= badge[3]
    )
