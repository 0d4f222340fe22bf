"""Figures of an explanation: a summary of a picture's words, and its score for a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageDraw

from lexret.encoders.protocol import PatchGrid
from lexret.explain.drawing.canvas import Canvas, CanvasMaker, PngCanvas, shorten, text_width
from lexret.explain.drawing.clouds import WordCloud, draw_cloud
from lexret.explain.drawing.overlay import Mark, draw_overlay
from lexret.explain.drawing.palette import LIGHT, Theme, region_colour
from lexret.explain.explanation import (
    ExplainedRegion,
    Heat,
    HitExplanation,
    PictureExplanation,
    Place,
)
from lexret.explain.patches.heatmaps import upsample
from lexret.explain.patches.regions import patch_number
from lexret.sparse import WordWeight

WIDTH = 1600
NUM_HEAT_MAPS = 6
NUM_CLOUD_WORDS = 60
NUM_BEST_PATCHES = 3
NUM_REGION_WORDS = 18

_EDGE = 40
_INNER = WIDTH - 2 * _EDGE
_HEADING = 58
_TITLE = 84
_GAP = 24
_MAPS_NOTE = "each map runs from the word's lowest weight in a patch to its highest"


def summary_figure(
    photo: Image.Image,
    explanation: PictureExplanation,
    *,
    theme: Theme = LIGHT,
    page: CanvasMaker = PngCanvas,
) -> bytes:
    """Draw the photo, clouds of the whole and of the regions, and heat maps; return the file.

    Args:
        page: makes the canvas; by default one for PNG.
    """
    shown = draw_marks(fit(photo, 820, 560), explanation)
    top_height = max(shown.height, 400)
    spoken = [region for region in explanation.regions if region.words]
    cells = _grid_cells(len(spoken), min(max(len(spoken), 2), 4), 250)
    maps = [
        (word.word, weight_range(word.heat), word.heat, word.place) for word in explanation.words
    ]
    maps = maps[:NUM_HEAT_MAPS]
    map_size = fit(photo, _map_cell(len(maps)), 300).size
    regions_height = _HEADING + cells[-1][1] + 250 + 34 if cells else 0
    total = _TITLE + top_height + regions_height + _HEADING + 34 + map_size[1] + _EDGE
    sheet = page(WIDTH, total, theme)
    _title(sheet, PurePath(explanation.image).name, subtitle(explanation))

    sheet.picture(_EDGE, _TITLE, shown)
    cloud_width = _INNER - shown.width - _GAP
    words = [WordWeight(word.word, word.weight) for word in explanation.words][:NUM_CLOUD_WORDS]
    unheld = explanation.unheld(words)
    cloud = _cloud(tuple(words), cloud_width, top_height, theme, unheld)
    sheet.cloud(_EDGE + shown.width + _GAP, _TITLE, cloud)

    y = _TITLE + top_height
    if spoken:
        _heading(sheet, y, "What its parts say", "numbers as in the photo")
        for region, cell in zip(spoken, cells, strict=True):
            place = (_EDGE + cell[0], y + _HEADING + cell[1])
            _region_cloud(sheet, region, *place, cell[2], explanation.unheld(region.words))
    y += regions_height
    _heading(sheet, y, "Where its words are", _MAPS_NOTE)
    _heat_maps(sheet, photo, explanation.grid, maps, y + _HEADING, map_size)
    return sheet.to_bytes()


def query_figure(
    photo: Image.Image,
    explanation: PictureExplanation,
    hit: HitExplanation,
    *,
    theme: Theme = LIGHT,
    page: CanvasMaker = PngCanvas,
) -> bytes:
    """Draw a picture's score for a text, products as bars and heat maps; return the file.

    The patches that match the text best are marked in the photo.
    """
    shown = _draw_best_patches(fit(photo, 620, 420), explanation, hit)
    rows = hit.matched[:9]
    top_height = max(shown.height, 46 * len(rows) + 60)
    maps = [
        (word.contribution.word, f"+{word.contribution.product:.4f}", word.heat, word.place)
        for word in hit.matched[:NUM_HEAT_MAPS]
    ]
    map_size = fit(photo, _map_cell(len(maps)), 300).size
    maps_height = _HEADING + 34 + map_size[1] if maps else 0
    sheet = page(WIDTH, _TITLE + top_height + maps_height + 64 + _EDGE, theme)
    _title(sheet, f"\u201c{hit.query}\u201d", f"scores {hit.score:.4f} on {_short(explanation)}")
    sheet.picture(_EDGE, _TITLE, shown)
    _bars(sheet, hit, _EDGE + shown.width + 2 * _GAP, _TITLE, len(rows))
    y = _TITLE + top_height
    if maps:
        _heading(sheet, y, "Where these words are", _MAPS_NOTE)
        _heat_maps(sheet, photo, explanation.grid, maps, y + _HEADING, map_size)
    _missing(sheet, hit, y + maps_height + 44)
    return sheet.to_bytes()


def draw_marks(photo: Image.Image, explanation: PictureExplanation) -> Image.Image:
    """Draw the numbered rectangles of all regions over the photo, in the photo's own size."""
    size = (explanation.width, explanation.height)
    marks = []
    for region in explanation.regions:
        shaped = region.region.kind in ("mask", "part")
        cells = region.region.patches if shaped else ()
        boxes = tuple(explanation.grid.box(patch, *size) for patch in cells)
        marks.append(Mark(region.number, region.region.box, boxes))
    return draw_overlay(photo, marks, measured_in=size)


def _draw_best_patches(
    photo: Image.Image, explanation: PictureExplanation, hit: HitExplanation
) -> Image.Image:
    grid, size = explanation.grid, photo.size
    marks = [
        Mark(number, grid.box(patch_number(grid, *patch.place), *size))
        for number, patch in enumerate(hit.patches[:NUM_BEST_PATCHES], start=1)
    ]
    return draw_overlay(photo, marks)


def fit(photo: Image.Image, max_width: int, max_height: int) -> Image.Image:
    """Return the picture scaled to fit into a space, its shape kept."""
    scale = min(max_width / photo.width, max_height / photo.height)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def heat_picture(
    photo: Image.Image, grid: PatchGrid, heat: Heat, place: Place, size: tuple[int, int]
) -> Image.Image:
    """Paint a heat map over a grey photo, and frame the patch where the word is strongest.

    Args:
        heat: rows of weights. The photo shows through where they are lowest, and the colour is
            brightest where they are highest: for a word that is everywhere, where it is strongest.
        place: (row, col) of the patch to frame.
        size: (width, height) of the result, in pixels.
    """
    from matplotlib import colormaps

    grey = np.asarray(photo.convert("L").resize(size, Image.Resampling.LANCZOS), np.float32)
    base_HW3 = np.repeat((grey * 0.62 + 16)[:, :, None], 3, axis=2)
    heat_HW = upsample(np.array(heat, dtype=np.float32), *size)
    low, top = float(heat_HW.min()), float(heat_HW.max())
    share_HW = (heat_HW - low) / (top - low) if top > low else np.full_like(heat_HW, top > 0)
    colour_HW3 = colormaps["inferno"](0.25 + 0.72 * share_HW)[:, :, :3] * 255
    alpha_HW1 = (0.85 * share_HW**0.7)[:, :, None]
    mixed = base_HW3 * (1 - alpha_HW1) + colour_HW3 * alpha_HW1
    picture = Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))
    x0, y0, x1, y1 = grid.box(patch_number(grid, *place), *size)
    frame = (round(x0), round(y0), max(round(x0), round(x1) - 1), max(round(y0), round(y1) - 1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle(frame, outline="#101418", width=3)
    draw.rectangle(frame, outline="#ffffff", width=1)
    return picture


def weight_range(heat: Heat) -> str:
    """Return the lowest and the highest weight of a map as the text above it."""
    low, high = min(map(min, heat)), max(map(max, heat))
    return f"{low:.2f} \u2013 {high:.2f}"


def _title(sheet: Canvas, title: str, subtitle: str) -> None:
    title = shorten(title, size=30, bold=True, max_width=_INNER * 0.6)
    sheet.text(_EDGE, 44, title, size=30, bold=True)
    x = _EDGE + text_width(title, size=30, bold=True) + 22
    faint = sheet.theme.faint
    sheet.text(x, 46, subtitle, size=19, colour=faint, max_width=WIDTH - _EDGE - x)


def subtitle(explanation: PictureExplanation) -> str:
    """Return the line that names the model, and the numbers of words and patches."""
    grid, has_levels = explanation.grid, explanation.held is not None
    best, note = ("surest", "; grey: less sure") if has_levels else ("strongest", "")
    return (
        f"in the words of {explanation.model_id}: the {len(explanation.words)} {best}, "
        f"seen in {grid.num_rows} \u00d7 {grid.num_cols} patches{note}"
    )


def _short(explanation: PictureExplanation) -> str:
    return PurePath(explanation.image).name


def _heading(sheet: Canvas, y: int, title: str, note: str) -> None:
    sheet.text(_EDGE, y + 34, title, size=22, bold=True)
    x = _EDGE + text_width(title, size=22, bold=True) + 16
    sheet.text(x, y + 35, note, size=17, colour=sheet.theme.faint)


def _grid_cells(num_cells: int, num_cols: int, height: int) -> list[tuple[int, int, int]]:
    """Return (x, y, width) of each cell of a grid that fills the page's width."""
    width = (_INNER - (num_cols - 1) * 16) // num_cols
    return [
        (i % num_cols * (width + 16), i // num_cols * (height + 34 + 14), width)
        for i in range(num_cells)
    ]


def _region_cloud(
    sheet: Canvas,
    explained: ExplainedRegion,
    x: int,
    y: int,
    width: int,
    unheld: frozenset[str],
) -> None:
    colour = region_colour(explained.number)
    sheet.box(x, y, width, 284, line=colour)
    sheet.box(x, y, 30, 30, fill=colour)
    sheet.text(x + 15, y + 15, str(explained.number), bold=True, colour="#ffffff", align="center")
    sheet.text(x + 42, y + 16, describe(explained), size=16, max_width=width - 52)
    words = explained.words[:NUM_REGION_WORDS]
    cloud = _cloud(words, width - 16, 244, sheet.theme, unheld)
    sheet.cloud(x + 8, y + 34, cloud)


@lru_cache(maxsize=16)
def _cloud(
    words: tuple[WordWeight, ...], width: int, height: int, theme: Theme, unheld: frozenset[str]
) -> WordCloud:
    """Draw a cloud, cached for the same figure in another format: placing words is slow."""
    return draw_cloud(
        words, width=width, height=height, theme=theme, all_words=False, unheld=unheld
    )


def describe(explained: ExplainedRegion) -> str:
    """Return the caption of a region's cloud."""
    x0, y0, x1, y1 = (round(value) for value in explained.region.box)
    if explained.region.kind == "box":
        plural = "" if len(explained.places) == 1 else "es"
        return f"box {x0},{y0} to {x1},{y1} ({len(explained.places)} patch{plural})"
    if explained.region.kind in ("mask", "part"):
        plural = "" if len(explained.places) == 1 else "es"
        return f"{explained.region.kind} of {len(explained.places)} patch{plural}"
    row, col = explained.places[0]
    return f"patch {row},{col}: pixels {x0},{y0} to {x1},{y1}"


def _map_cell(num_maps: int) -> int:
    """Return the width of a heat map's cell; a few maps may be larger than many."""
    num_cols = min(max(num_maps, 4), NUM_HEAT_MAPS)
    return (_INNER - (num_cols - 1) * 16) // num_cols


def _heat_maps(
    sheet: Canvas,
    photo: Image.Image,
    grid: PatchGrid,
    maps: Sequence[tuple[str, str, Heat, Place]],
    y: int,
    size: tuple[int, int],
) -> None:
    cell = _map_cell(len(maps))
    for i, (word, number, heat, place) in enumerate(maps):
        x = _EDGE + i * (cell + 16)
        width = min(cell, max(size[0], 200))
        number_width = text_width(number, size=16) + 10
        sheet.text(x, y + 15, word, size=19, bold=True, max_width=width - number_width)
        sheet.text(x + width, y + 16, number, size=16, colour=sheet.theme.faint, align="right")
        sheet.picture(x, y + 34, heat_picture(photo, grid, heat, place, size))


def _bars(sheet: Canvas, hit: HitExplanation, x: int, y: int, num_rows: int) -> None:
    faint = sheet.theme.faint
    if not hit.matched:
        sheet.text(x, y + 40, "No word of the text is in this picture.", size=22)
        return
    end = WIDTH - _EDGE
    sheet.text(x, y + 12, "word", size=16, colour=faint)
    sheet.text(x + 430, y + 12, "text \u00d7 picture", size=16, colour=faint, align="right")
    sheet.text(x + 540, y + 12, "adds", size=16, colour=faint, align="right")
    top = hit.matched[0].contribution.product
    for i, matched in enumerate(hit.matched[:num_rows]):
        middle = y + 50 + 46 * i
        added = matched.contribution
        word, product = added.word, added.product
        weights = f"{added.query_weight:.3f} \u00d7 {added.image_weight:.3f}"
        sheet.text(x, middle, word, size=22, bold=True, max_width=260)
        sheet.text(x + 430, middle, weights, size=17, colour=faint, align="right")
        sheet.text(x + 540, middle, f"{product:.4f}", size=19, align="right")
        length = max(2.0, (end - x - 565) * product / top)
        sheet.box(x + 560, middle - 13, length, 24, fill=sheet.theme.words[0])
    rest = hit.matched[num_rows:]
    if rest:
        total = sum(word.contribution.product for word in rest)
        line = f"{len(rest)} more words add {total:.4f}"
        sheet.text(x, y + 50 + 46 * num_rows - 8, line, size=17, colour=faint)


def _missing(sheet: Canvas, hit: HitExplanation, y: int) -> None:
    if hit.missing:
        names = ", ".join(word.word for word in hit.missing[:40])
        line = f"Words of the text that the picture lacks: {names}"
    else:
        line = "The picture lacks no word of the text."
    sheet.text(_EDGE, y, line, size=17, colour=sheet.theme.faint, max_width=_INNER)
