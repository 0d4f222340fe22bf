"""Palette: readable colours of words on a light or dark ground, and of numbered regions."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

REGION_COLOURS = (
    "#c81d3a",
    "#1560a8",
    "#1f7a3a",
    "#7d35a0",
    "#a85400",
    "#0b6f7c",
    "#a3266b",
    "#4b5563",
)


@dataclass(frozen=True, slots=True)
class Theme:
    """Theme of a drawing: ground, ink and word colours, each ``#rrggbb``.

    Attributes:
        name: ``"light"`` or ``"dark"``.
        ground: the background.
        ink: captions and titles.
        faint: rules and secondary text.
        words: word colours, each with a contrast of at least 4.5 to the ground (WCAG 2.1, AA).
    """

    name: str
    ground: str
    ink: str
    faint: str
    words: tuple[str, ...]

    def colour_of(self, word: str) -> str:
        """Return the word's colour, which is the same in every cloud."""
        return self.words[zlib.crc32(word.encode()) % len(self.words)]


LIGHT = Theme(
    name="light",
    ground="#ffffff",
    ink="#1f2630",
    faint="#5f6b7a",
    words=("#1b4f8f", "#b3391f", "#1c7247", "#75389a", "#8a5a00", "#0d6b77", "#a8296b", "#434f60"),
)
DARK = Theme(
    name="dark",
    ground="#14181f",
    ink="#eef2f7",
    faint="#9aa7b8",
    words=("#7db4ff", "#ff9a7d", "#6ddc9f", "#cfa3ff", "#f2c14e", "#63d6e0", "#ff8fc2", "#c3ccd9"),
)


def region_colour(number: int) -> str:
    """Return the colour of the region with a number (from 1); colours repeat."""
    return REGION_COLOURS[(number - 1) % len(REGION_COLOURS)]
