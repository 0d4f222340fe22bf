"""Canvas of a figure, laid out in pixels from the upper left corner, and its PNG implementation."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from PIL import Image

from lexret.explain.drawing.clouds import WordCloud, font, font_path
from lexret.explain.drawing.palette import Theme
from lexret.files.names import shown_line

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

_DPI = 100


Align = Literal["left", "center", "right"]


class Canvas(Protocol):
    """Canvas for pictures, clouds, texts and bars; see :class:`PngCanvas`."""

    width: int
    height: int
    theme: Theme

    def picture(self, x: int, y: int, picture: Image.Image) -> None:
        """Put a picture with its upper left corner at (x, y)."""
        ...

    def cloud(self, x: int, y: int, cloud: WordCloud) -> None:
        """Put a cloud with its upper left corner at (x, y)."""
        ...

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 18,
        bold: bool = False,
        colour: str | None = None,
        align: Align = "left",
        max_width: float | None = None,
    ) -> None:
        """Write a line whose middle is at height y."""
        ...

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str = "", line: str = ""
    ) -> None:
        """Draw a rectangle, filled or outlined or both."""
        ...

    def to_bytes(self) -> bytes:
        """Return the file."""
        ...


class CanvasMaker(Protocol):
    """Maker of empty canvases of a size in pixels."""

    def __call__(self, width: int, height: int, theme: Theme, /) -> Canvas:
        """Return the canvas."""
        ...


class PngCanvas:
    """Canvas of ``width`` x ``height`` pixels that is saved as PNG, drawn by matplotlib.

    It has a figure and an Agg canvas to itself: pyplot and its global state are not used, so
    several canvases may be drawn at the same time.
    """

    def __init__(self, width: int, height: int, theme: Theme) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height, self.theme = width, height, theme
        size = (width / _DPI, height / _DPI)
        self._figure = Figure(figsize=size, dpi=_DPI, facecolor=theme.ground)
        FigureCanvasAgg(self._figure)

    def picture(self, x: int, y: int, picture: Image.Image) -> None:
        """Put a picture, pixel for pixel, with its upper left corner at (x, y)."""
        below = self.height - y - picture.height
        self._figure.figimage(np.asarray(picture), xo=x, yo=below, origin="upper")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 18,
        bold: bool = False,
        colour: str | None = None,
        align: Align = "left",
        max_width: float | None = None,
    ) -> None:
        """Write a line whose middle is at height y, shortened with an ellipsis to ``max_width``.

        Letters that the font lacks are replaced by a mark.

        Args:
            size: of the letters, in pixels.
        """
        text = shown_line(text)
        text = "".join(letter if ord(letter) in _letters(bold) else "\ufffd" for letter in text)
        if max_width is not None:
            text = shorten(text, size=size, bold=bold, max_width=max_width)
        self._figure.text(
            x / self.width,
            1 - y / self.height,
            text,
            fontproperties=_font(bold),
            fontsize=size * 72 / _DPI,
            color=colour or self.theme.ink,
            ha=align,
            va="center_baseline",
            parse_math=False,
        )

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str = "", line: str = ""
    ) -> None:
        """Draw a rectangle, filled or outlined or both."""
        from matplotlib.patches import Rectangle
        from matplotlib.transforms import IdentityTransform

        corner = (x, self.height - y - height)
        patch = Rectangle(
            corner,
            width,
            height,
            facecolor=fill or "none",
            edgecolor=line or "none",
            linewidth=1,
            transform=IdentityTransform(),
        )
        self._figure.add_artist(patch)

    def cloud(self, x: int, y: int, cloud: WordCloud) -> None:
        """Put a cloud with its upper left corner at (x, y)."""
        self.picture(x, y, cloud.image)

    def to_bytes(self) -> bytes:
        """Draw everything and return the PNG file."""
        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", dpi=_DPI, facecolor=self.theme.ground)
        return buffer.getvalue()


def text_width(text: str, *, size: int, bold: bool = False) -> float:
    """Return the width of a line, in pixels."""
    return font(size, bold=bold).getlength(shown_line(text))


def shorten(text: str, *, size: int, max_width: float, bold: bool = False) -> str:
    """Return the text, its end replaced by an ellipsis if it is too wide."""
    if text_width(text, size=size, bold=bold) <= max_width:
        return text
    while text and text_width(text + "\u2026", size=size, bold=bold) > max_width:
        text = text[:-1]
    return text.rstrip() + "\u2026"


@cache
def _letters(bold: bool) -> frozenset[int]:
    """Return the code points that the font can draw."""
    from matplotlib.font_manager import get_font

    return frozenset(get_font(str(font_path(bold=bold))).get_charmap())


@cache
def _font(bold: bool) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(font_path(bold=bold)))
