"""Views of what tokens keep of a picture: from words, from cells, from both; drawn as one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lexret.errors import InputError
from lexret.rebuild.portable import Cells, Pixels, Rebuilder
from lexret.sparse import LexicalVector

WORD_BUDGETS: Final = (5, 21, 296)
_TILE: Final = 192
_MARGIN: Final = 12
_LABEL: Final = 26
_TEXT: Final = 20  # can be read in the page as well, where a drawing is half as wide
_PAPER: Final = (255, 255, 255)
_INK: Final = (40, 40, 40)


@dataclass(frozen=True, eq=False)
class View:
    """Picture of a row of views.

    Attributes:
        label: what it was rebuilt from, such as "21 words".
        pixels: (S, S, 3) uint8.
    """

    label: str
    pixels: Pixels


@dataclass(frozen=True, eq=False)
class RebuiltViews:
    """What tokens keep of a picture.

    Attributes:
        views: the original, where its file was there, then what was rebuilt.
        cells: (G, G) token ids of Llama 2's vocabulary; None without the picture's file.
        num_words: how many words its vector has.
    """

    views: tuple[View, ...]
    cells: Cells | None
    num_words: int

    def drawing(self) -> Image.Image:
        """Return the views side by side, each with its label below."""
        return drawn(self.views)

    def as_dict(self) -> dict[str, Any]:
        """Return the values that programs get beside the drawing."""
        return {
            "views": [view.label for view in self.views],
            "words": self.num_words,
            "cells": None if self.cells is None else self.cells.tolist(),
        }

    def png(self, *, in_a_row: int | None = None) -> bytes:
        """Return the drawing as the bytes of a PNG file; see :func:`drawn`."""
        return as_png(self.views, in_a_row=in_a_row)


def rebuilt_views(
    rebuilder: Rebuilder,
    words: LexicalVector,
    photo: Image.Image | None = None,
    *,
    budgets: Sequence[int] = WORD_BUDGETS,
) -> RebuiltViews:
    """Rebuild a picture from its words alone, and where the photo is there from its cells.

    Args:
        words: its sparse vector.
        photo: RGB and upright; None: words alone, as with an index whose photos are gone.
        budgets: so many of its strongest words; what its vector does not hold is left out.

    Raises:
        InputError: if it has no word and there is no photo, or a budget is below 1.
    """
    if any(budget < 1 for budget in budgets):
        raise InputError(f"Found budgets of {list(budgets)} words; expected 1 or more.")
    if photo is None and not len(words):
        raise InputError("The picture has no word, so there is nothing to rebuild it from.")
    views = [] if photo is None else [View("original", rebuilder.pixels(photo))]
    for count in sorted({min(budget, len(words)) for budget in budgets} - {0}):
        label = f"{count} word{'s' if count > 1 else ''}"
        views.append(View(label, rebuilder.rebuild(words, num_words=count)))
    cells = None
    if photo is not None:
        cells = rebuilder.cells(photo)
        views.append(View(f"{cells.size} cells", rebuilder.rebuild(None, cells)))
        if len(words):
            views.append(View("words and cells", rebuilder.rebuild(words, cells)))
    return RebuiltViews(tuple(views), cells, len(words))


def drawn(views: Sequence[View], *, in_a_row: int | None = None) -> Image.Image:
    """Draw views side by side, enlarged, each with its label below.

    Args:
        in_a_row: so many in each row; None: all in one.
    """
    columns = min(in_a_row or len(views), len(views))
    rows, high = -(-len(views) // columns), _TILE + _LABEL + _MARGIN
    sheet = Image.new("RGB", (_MARGIN + columns * (_TILE + _MARGIN), _MARGIN + rows * high), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for place, view in enumerate(views):
        left = _MARGIN + place % columns * (_TILE + _MARGIN)
        top = _MARGIN + place // columns * high
        sheet.paste(_enlarged(view.pixels), (left, top))
        pen.text((left, top + _TILE + 4), view.label, fill=_INK, font=font)
    return sheet


def as_png(views: Sequence[View], *, in_a_row: int | None = None) -> bytes:
    """Return a drawing of views as the bytes of a PNG file; see :func:`drawn`."""
    written = io.BytesIO()
    drawn(views, in_a_row=in_a_row).save(written, "PNG", optimize=True)
    return written.getvalue()


def _enlarged(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.BICUBIC)
