"""Word clouds: the height of a word's letters is proportional to its weight.

Words that a picture is not held to show have half of that height, and are grey.

They are laid out by the package ``wordcloud`` in DejaVu Sans, which ships with matplotlib. With the
same versions of both, the same words give the same picture on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from lexret.errors import InputError
from lexret.explain.drawing.palette import LIGHT, Theme
from lexret.sparse import WordWeight

MIN_FONT_SIZE = 13
"""Words that would be smaller than this many pixels get this size, to stay readable."""

_FILL = 0.62
"""Share of the canvas that the words' boxes may cover; denser clouds can rarely be packed."""

_SHRINK = 0.94
_SEED = 17
_MARGIN = 8
_PADDING = 14
_UNHELD = 0.5
"""What the weight of a word that is not held counts for its size."""


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """Word placed in a cloud.

    Attributes:
        word: the text.
        weight: its weight.
        font_size: in pixels, proportional to the weight (of a word that is not held, to half of it)
            down to :data:`MIN_FONT_SIZE`.
        box: (x0, y0, x1, y1) around it, in pixels. A small word may be placed between the
            descenders of a large one, so boxes may overlap where letters do not.
        colour: ``#rrggbb``.
        held: whether the picture holds the word.
    """

    word: str
    weight: float
    font_size: int
    box: tuple[int, int, int, int]
    colour: str
    held: bool = True


@dataclass(frozen=True, slots=True)
class WordCloud:
    """Drawn word cloud, and where its words are."""

    image: Image.Image
    words: tuple[PlacedWord, ...]


def font_path(*, bold: bool = True) -> Path:
    """Return the path of the font that lexret draws with."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@lru_cache(maxsize=256)
def font(size: float, *, bold: bool = True) -> ImageFont.FreeTypeFont:
    """Return that font at a size in pixels."""
    return ImageFont.truetype(font_path(bold=bold), size)


def draw_cloud(
    words: Sequence[WordWeight],
    *,
    width: int = 1000,
    height: int = 640,
    theme: Theme = LIGHT,
    all_words: bool = True,
    unheld: Collection[str] = (),
) -> WordCloud:
    """Draw a word cloud: a word of twice the weight gets letters of twice the height.

    Words are horizontal and never cut off. They share one scale, the largest at which they fit, so
    sizes can be compared within a cloud. Colours depend on words, not on weights. The same input
    gives the same picture.

    Args:
        words: distinct words; weights are greater than zero.
        width: of the canvas, in pixels.
        height: of the canvas, in pixels.
        theme: light or dark colours.
        all_words: whether to raise an error if not all words fit at a readable size; otherwise
            the smallest are left out until the others fit.
        unheld: those of the words that the picture is not held to show: grey, and of half the size.

    Raises:
        InputError: if there is no word, or if they do not fit.
    """
    if not words:
        raise InputError("There is no word to draw: the vector is empty.")
    inner_width, inner_height = width - 2 * _PADDING, height - 2 * _PADDING
    if inner_width < 1 or inner_height < 1:
        raise InputError(f"A cloud needs more than {width} x {height} pixels.")
    weights = {word.word: word.weight for word in words}
    words = _drawn(words, unheld)
    largest = _first_size(words, inner_width, inner_height)
    while True:
        sizes = _font_sizes(words, largest)
        cloud = _place(words, sizes, inner_width, inner_height, theme, unheld)
        if len(cloud.layout_) == len(words):
            canvas = Image.new("RGB", (width, height), theme.ground)
            canvas.paste(cloud.to_image(), (_PADDING, _PADDING))
            return WordCloud(canvas, _placed(cloud.layout_, weights, theme, unheld))
        if largest <= MIN_FONT_SIZE and not all_words and len(words) > 1:
            words = words[: max(1, int(len(words) * _SHRINK))]
            continue
        if largest <= MIN_FONT_SIZE:
            raise InputError(
                f"{len(words)} words do not fit on {width} x {height} pixels at a readable size; "
                "ask for fewer words or a larger cloud."
            )
        largest = max(MIN_FONT_SIZE, int(largest * _SHRINK))


def _drawn(words: Sequence[WordWeight], unheld: Collection[str]) -> Sequence[WordWeight]:
    """Return the words by falling size, with what their sizes are proportional to."""
    drawn = [
        WordWeight(word.word, word.weight * _UNHELD) if word.word in unheld else word
        for word in words
    ]
    return sorted(drawn, key=lambda word: -word.weight)


def _font_sizes(words: Sequence[WordWeight], largest: int) -> list[int]:
    unit = largest / words[0].weight
    return [max(MIN_FONT_SIZE, round(word.weight * unit)) for word in words]


def _first_size(words: Sequence[WordWeight], width: int, height: int) -> int:
    """Return the largest font size that the area and the longest word allow."""
    measured = font(100)
    top = words[0].weight
    widest, area = 0.0, 0.0
    for word in words:
        left, upper, right, lower = measured.getbbox(word.word)
        scale = word.weight / top / 100
        word_width, word_height = (right - left) * scale, (lower - upper) * scale
        widest = max(widest, word_width)
        area += word_width * word_height
    by_area = (_FILL * width * height / area) ** 0.5
    return max(MIN_FONT_SIZE, int(min(by_area, 0.9 * width / widest, 0.6 * height)))


def _place(
    words: Sequence[WordWeight],
    sizes: Sequence[int],
    width: int,
    height: int,
    theme: Theme,
    unheld: Collection[str],
) -> Any:
    """Lay the words out at exactly these sizes; the layout ends at the first that does not fit.

    The package derives each size from the one before and rounds every time, so it is given the
    integer sizes themselves as frequencies. A font step larger than all sizes keeps it from
    shrinking single words.
    """
    from wordcloud import WordCloud as Layout

    layout = Layout(
        font_path=str(font_path()),
        width=width,
        height=height,
        margin=_MARGIN,
        prefer_horizontal=1.0,
        relative_scaling=1,
        min_font_size=1,
        max_font_size=sizes[0],
        font_step=sizes[0] + 1,
        max_words=len(words),
        background_color=theme.ground,
        color_func=_colour_function(theme, unheld),
        random_state=_SEED,
    )
    frequencies = {word.word: size for word, size in zip(words, sizes, strict=True)}
    return layout.generate_from_frequencies(frequencies)


def _colour_function(theme: Theme, unheld: Collection[str]) -> Callable[..., str]:
    def colour(word: str, **_: object) -> str:
        return theme.faint if word in unheld else theme.colour_of(word)

    return colour


def _placed(
    layout: Sequence[Any], weights: Mapping[str, float], theme: Theme, unheld: Collection[str]
) -> tuple[PlacedWord, ...]:
    colour = _colour_function(theme, unheld)
    placed = []
    for (word, _), font_size, (y, x), _, _ in layout:
        size = font(font_size).getmask(word).size
        left, upper = int(x) + _PADDING, int(y) + _PADDING
        box = (left, upper, left + size[0], upper + size[1])
        held = word not in unheld
        placed.append(PlacedWord(word, weights[word], font_size, box, colour(word), held))
    return tuple(placed)


def add_caption(
    cloud: Image.Image, caption: str, *, badge: str, badge_colour: str, theme: Theme = LIGHT
) -> Image.Image:
    """Return a cloud below a line with a numbered badge and a caption.

    Args:
        badge: the region's number, as in the overlay.
        badge_colour: the colour of that number's outline in the overlay.
    """
    strip = 46
    canvas = Image.new("RGB", (cloud.width, cloud.height + strip), theme.ground)
    canvas.paste(cloud, (0, strip))
    draw = ImageDraw.Draw(canvas)
    draw.rounded_rectangle((10, 9, 40, 39), radius=7, fill=badge_colour)
    draw.text((25, 24), badge, font=font(18), fill="#ffffff", anchor="mm")
    draw.text((52, 24), caption, font=font(18, bold=False), fill=theme.ink, anchor="lm")
    return canvas
