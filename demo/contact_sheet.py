"""The demo's figure: for each query its best photos, their scores and the words that matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lexret.explain.answers import Answer
from lexret.explain.drawing.canvas import PngCanvas
from lexret.explain.drawing.figures import fit
from lexret.explain.drawing.palette import LIGHT

WIDTH = 1600
EDGE = 40
TITLE_HEIGHT = 92
ROW_HEIGHT = 250
QUERY_HEIGHT = 46
NUM_HITS = 3
PHOTO_SIZE = (236, 180)
CELL = (WIDTH - 2 * EDGE) // NUM_HITS


@dataclass(frozen=True)
class Row:
    """A query and its answers."""

    query: str
    answers: Sequence[Answer]


def draw_contact_sheet(rows: Sequence[Row], photos: Path, note: str) -> bytes:
    """Return a PNG with one row a query."""
    height = TITLE_HEIGHT + ROW_HEIGHT * len(rows) + EDGE // 2
    sheet = PngCanvas(WIDTH, height, LIGHT)
    sheet.text(EDGE, 40, "What lexret finds, and why", size=30, bold=True)
    sheet.text(EDGE, 74, note, size=17, colour=LIGHT.faint, max_width=WIDTH - 2 * EDGE)
    for i, row in enumerate(rows):
        y = TITLE_HEIGHT + i * ROW_HEIGHT
        sheet.box(EDGE, y, WIDTH - 2 * EDGE, 1, fill="#d5dbe3")
        sheet.text(EDGE, y + 26, f"\u201c{row.query}\u201d", size=23, bold=True)
        for place, answer in enumerate(row.answers[:NUM_HITS]):
            _draw_answer(sheet, answer, photos, EDGE + place * CELL, y + QUERY_HEIGHT)
    return sheet.to_bytes()


def _draw_answer(sheet: PngCanvas, answer: Answer, photos: Path, x: int, y: int) -> None:
    with Image.open(photos / answer.doc_id) as image:
        shown = fit(image.convert("RGB"), *PHOTO_SIZE)
    sheet.picture(x, y, shown)
    left = x + shown.width + 16
    room = CELL - PHOTO_SIZE[0] - 36
    sheet.text(left, y + 12, f"{answer.rank}.  {answer.score:.3f}", size=20, bold=True)
    sheet.text(left, y + 38, answer.doc_id, size=15, colour=LIGHT.faint, max_width=room)
    top = answer.words[0].product
    for line, word in enumerate(answer.words[:4]):
        middle = y + 70 + 31 * line
        sheet.text(left, middle, word.word, size=16, max_width=room - 58)
        sheet.text(left + room, middle, f"{word.product:.3f}", size=15, align="right")
        length = max(2.0, room * word.product / top)
        sheet.box(left, middle + 10, length, 5, fill=LIGHT.words[0])
