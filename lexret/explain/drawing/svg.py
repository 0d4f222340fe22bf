"""SVG implementation of the canvas: text stays text, and words may be links.

Fonts differ between machines, so every line states its length and keeps its place in any font.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html import escape
from typing import Final
from urllib.parse import quote

from PIL import Image

from lexret.explain.drawing.canvas import Align, shorten, text_width
from lexret.explain.drawing.clouds import PlacedWord, WordCloud, font
from lexret.explain.drawing.palette import DARK, LIGHT, Theme
from lexret.files.names import shown_line

FONTS: Final = "'DejaVu Sans', Verdana, 'Segoe UI', Arial, sans-serif"
JPEG_QUALITY: Final = 86

Link = Callable[[str], str]


def word_anchor(word: str) -> str:
    """Return the anchor of a word in a report."""
    return "word-" + quote(word.replace(" ", "-"), safe="")


def link_in_report(word: str) -> str:
    """Return the address of a word in the ``report.html`` in a figure's folder."""
    return f"report.html#{word_anchor(word)}"


def data_uri(picture: Image.Image) -> str:
    """Return a picture as a data URI, in JPEG."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


class SvgCanvas:
    """Canvas like :class:`lexret.explain.drawing.canvas.PngCanvas`, saved as SVG.

    Args:
        link: gives the address that a word of a cloud links to; without it, words are not links.
    """

    def __init__(
        self, width: int, height: int, theme: Theme, *, link: Link | None = link_in_report
    ) -> None:
        self.width, self.height, self.theme = width, height, theme
        self._link = link
        self._parts: list[str] = []

    def picture(self, x: int, y: int, picture: Image.Image) -> None:
        """Put a picture with its upper left corner at (x, y)."""
        self._parts.append(
            f'<image x="{x}" y="{y}" width="{picture.width}" height="{picture.height}" '
            f'href="{data_uri(picture)}"/>'
        )

    def cloud(self, x: int, y: int, cloud: WordCloud) -> None:
        """Put a cloud with its upper left corner at (x, y)."""
        words = "".join(cloud_word(word, self._link) for word in cloud.words)
        self._parts.append(f'<g transform="translate({x} {y})">{words}</g>')

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
        """Write a line; see :meth:`lexret.explain.drawing.canvas.PngCanvas.text`."""
        text = shown_line(text)
        if max_width is not None:
            text = shorten(text, size=size, bold=bold, max_width=max_width)
        anchor = {"left": "start", "center": "middle", "right": "end"}[align]
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y + 0.36 * size:g}" font-size="{size}"{weight} '
            f'fill="{colour or self.theme.ink}" text-anchor="{anchor}" '
            f"{_length(text_width(text, size=size, bold=bold))}>{xml_text(text)}</text>"
        )

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str = "", line: str = ""
    ) -> None:
        """Draw a rectangle, filled or outlined or both."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            f'fill="{fill or "none"}" stroke="{line or "none"}"/>'
        )

    def to_bytes(self) -> bytes:
        """Return the SVG file."""
        size = f'width="{self.width}" height="{self.height}"'
        ground = f'<rect {size} fill="{self.theme.ground}"/>'
        return (
            _open(self.width, self.height) + ground + "\n".join(self._parts) + "</svg>\n"
        ).encode()


def cloud_svg(cloud: WordCloud, *, link: Link | None = None, title: str = "word cloud") -> str:
    """Return a cloud as an SVG element that follows the reader's light or dark mode."""
    words = "".join(cloud_word(word, link, themed=True) for word in cloud.words)
    size = cloud.image.size
    return (
        f"{_open(*size)}<title>{xml_text(title)}</title><style>{themed_styles()}</style>"
        f'<rect class="ground" width="{size[0]}" height="{size[1]}"/>{words}</svg>'
    )


def themed_styles() -> str:
    """Return the style sheet of clouds in both themes."""

    def rules(theme: Theme) -> str:
        colours = [f".w{i}{{fill:{colour}}}" for i, colour in enumerate(theme.words)]
        fixed = f".ground{{fill:{theme.ground}}}.unheld{{fill:{theme.faint}}}"
        return "".join([fixed, *colours])

    return f"{rules(LIGHT)}@media (prefers-color-scheme:dark){{{rules(DARK)}}}"


def cloud_word(placed: PlacedWord, link: Link | None, *, themed: bool = False) -> str:
    """Return a word of a cloud as an SVG text at its place, wrapped in a link if there is one.

    Args:
        themed: colour it by a class of :func:`themed_styles` instead of a fixed colour.
    """
    left, top = ink_offset(placed.word, placed.font_size)
    if themed:
        place = LIGHT.words.index(LIGHT.colour_of(placed.word))
        colour = f'class="w{place}"' if placed.held else 'class="unheld"'
    else:
        colour = f'fill="{placed.colour}"'
    width = font(placed.font_size).getlength(placed.word)
    text = (
        f'<text x="{placed.box[0] - left:g}" y="{placed.box[1] - top:g}" '
        f'font-size="{placed.font_size}" font-weight="bold" {colour} {_length(width)}>'
        f"{xml_text(placed.word)}"
        f"<title>{xml_text(placed.word)} {placed.weight:.3f}</title></text>"
    )
    if link is None:
        return text
    return f'<a href="{escape(link(placed.word), quote=True)}">{text}</a>'


def ink_offset(word: str, font_size: int) -> tuple[float, float]:
    """Return where a word's ink starts, (right of, below) its origin on the baseline."""
    left, top, _, _ = font(font_size).getbbox(word, anchor="ls")
    return left, top


def _open(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="{FONTS}">'
    )


def _length(width: float) -> str:
    return f'textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"' if width >= 1 else ""


def xml_text(text: str) -> str:
    """Escape a text for XML and HTML; characters that are illegal in them are replaced."""
    legal = "".join(
        letter
        if letter in "\t\n\r" or (ord(letter) >= 32 and not 0xD800 <= ord(letter) <= 0xDFFF)
        else "\ufffd"
        for letter in text
    )
    return escape(legal, quote=True)
