"""Drawings of contact sheets: one large figure (PNG, SVG), or a page (HTML)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PIL import Image

from lexret.errors import InputError
from lexret.explain.answers import told_copies
from lexret.explain.contact import ContactEntry, ContactSheet
from lexret.explain.drawing.canvas import Canvas, CanvasMaker, PngCanvas, text_width
from lexret.explain.drawing.clouds import draw_cloud
from lexret.explain.drawing.figures import fit
from lexret.explain.drawing.html import contribution_rows, missing_line, page
from lexret.explain.drawing.palette import LIGHT, Theme
from lexret.explain.drawing.svg import Link, cloud_svg, data_uri, xml_text

PhotoOf = Callable[[str], Image.Image | None]
"""Returns a picture of an index by its id, ``None`` if its file can no longer be read."""

MAX_IN_FIGURE: Final = 300
_WIDTH: Final = 1600
_EDGE: Final = 32
_TOP: Final = 96
_CELL: Final = (500, 236)
_COLUMNS: Final = 3
_GAP: Final = 18
_LINE: Final = 52
_LESS_SURE: Final = "Less sure from here"
_PHOTO: Final = (210, 190)
_NUM_CLOUD_WORDS: Final = 16
_NUM_BARS: Final = 5


def contact_figure(
    sheet: ContactSheet,
    photo_of: PhotoOf,
    *,
    theme: Theme = LIGHT,
    page: CanvasMaker = PngCanvas,
) -> bytes:
    """Draw a sheet: each picture's photo, and its cloud or what each word adds to its score.

    Args:
        page: makes the canvas; by default one for PNG.

    Raises:
        InputError: if there are more than 300 pictures on it.
    """
    check_room(len(sheet.entries))
    line = _line(sheet)
    rows = _rows(line) + _rows(len(sheet.entries) - line)
    height = _TOP + max(1, rows) * (_CELL[1] + _GAP) + (_LINE if line else 0) + _EDGE
    canvas = page(_WIDTH, height, theme)
    canvas.text(_EDGE, 46, heading(sheet), size=30, bold=True, max_width=_WIDTH * 0.6)
    x = _EDGE + min(text_width(heading(sheet), size=30, bold=True), _WIDTH * 0.6) + 24
    canvas.text(x, 48, note(sheet), size=18, colour=theme.faint, max_width=_WIDTH - _EDGE - x)
    if not sheet.entries:
        canvas.text(_EDGE, _TOP + 40, "No picture fits.", size=22)
    _cells(canvas, _TOP, sheet.entries[:line], photo_of)
    top = _TOP + _rows(line) * (_CELL[1] + _GAP)
    if line:
        canvas.text(_EDGE, top + 24, _LESS_SURE, size=22, bold=True)
        top += _LINE
    _cells(canvas, top, sheet.entries[line:], photo_of)
    return canvas.to_bytes()


def _rows(num_pictures: int) -> int:
    return -(-num_pictures // _COLUMNS)


def _cells(canvas: Canvas, top: int, entries: tuple[ContactEntry, ...], photo_of: PhotoOf) -> None:
    for place, entry in enumerate(entries):
        x = _EDGE + place % _COLUMNS * (_CELL[0] + _GAP)
        y = top + place // _COLUMNS * (_CELL[1] + _GAP)
        _cell(canvas, x, y, entry, photo_of(entry.doc_id))


def _line(sheet: ContactSheet) -> int:
    """Return before which entry the line stands that parts sure ones from others; 0 is none."""
    num_sure = sheet.num_sure or 0
    return num_sure if num_sure < len(sheet.entries) else 0


def check_room(num_pictures: int) -> None:
    """Raise InputError if one figure has no room for a number of pictures."""
    if num_pictures > MAX_IN_FIGURE:
        raise InputError(
            f"{num_pictures} pictures are too many for one figure of at most {MAX_IN_FIGURE}; "
            "ask for fewer, or for a page (.html)."
        )


def contact_html(sheet: ContactSheet, photo_of: PhotoOf, *, link: Link | None = None) -> str:
    """Return a sheet as one self-contained page.

    Args:
        link: gives the address that a word links to, such as one of ``lexret serve``.
    """
    figures = [_figure(entry, photo_of(entry.doc_id), link) for entry in sheet.entries]
    if line := _line(sheet):
        figures.insert(line, f"<h2>{_LESS_SURE}</h2>")
    cells = "\n".join(figures)
    nothing = "" if sheet.entries else "<p>No picture fits.</p>"
    columns = "grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr))"
    wide = (
        f"<style>.grid{{{columns}}}.grid h2{{grid-column:1/-1;margin:.5rem 0 0}}"
        "figure>img{display:block;margin:auto}figure>svg{width:100%}"
        "table{overflow-wrap:normal}th{white-space:normal}.bar{width:30%;min-width:60px}</style>"
    )
    body = (
        f"{wide}<h1>{xml_text(heading(sheet))}</h1><p class=faint>{xml_text(note(sheet))}</p>"
        f"{nothing}<div class=grid>{cells}</div>"
    )
    return page(heading(sheet), body)


def heading(sheet: ContactSheet) -> str:
    """Return the first line of a sheet."""
    return f"\u201c{sheet.title}\u201d" if sheet.has_query else sheet.title


def note(sheet: ContactSheet) -> str:
    """Return the second line of a sheet."""
    copies = told_copies(sum(len(entry.copies) for entry in sheet.entries))
    shown = (
        f"{len(sheet.entries):,}{copies} of {sheet.num_pictures:,} pictures, model {sheet.model_id}"
    )
    if sheet.has_query:
        unsure = "; none is a sure match" if sheet.num_sure == 0 else ""
        return f"{shown}{unsure}; bars: what each word adds; right: the rank without it"
    return shown


def _cell(canvas: Canvas, x: int, y: int, entry: ContactEntry, photo: Image.Image | None) -> None:
    width, height = _CELL
    canvas.box(x, y, width, height, line=canvas.theme.faint)
    if photo is None:
        canvas.text(x + 16, y + 80, "(file not found)", size=15, colour=canvas.theme.faint)
    else:
        canvas.picture(x + 10, y + 10, fit(photo, *_PHOTO))
    name = entry.doc_id + told_copies(len(entry.copies))
    canvas.text(x + 12, y + height - 16, name, size=14, max_width=_PHOTO[0])
    left, room = x + _PHOTO[0] + 24, width - _PHOTO[0] - 36
    if entry.answer is None:
        words = list(entry.words[:_NUM_CLOUD_WORDS])
        if words:
            cloud = draw_cloud(
                words, width=room, height=height - 20, theme=canvas.theme, all_words=False
            )
            canvas.cloud(left, y + 10, cloud)
        return
    canvas.text(left, y + 24, f"{entry.answer.rank}.  {entry.answer.score:.4f}", size=19, bold=True)
    ranks = {rank.word: str(rank) for rank in entry.ranks}
    top = max((word.product for word in entry.answer.words), default=1.0)
    for line, word in enumerate(entry.answer.words[:_NUM_BARS]):
        middle = y + 58 + 32 * line
        canvas.text(left, middle, word.word, size=15, max_width=room - 120)
        canvas.text(left + room - 52, middle, f"{word.product:.4f}", size=14, align="right")
        canvas.text(left + room, middle, ranks.get(word.word, ""), size=14, align="right",
                    colour=canvas.theme.faint)  # fmt: skip
        length = max(2.0, room * word.product / top)
        canvas.box(left, middle + 10, length, 4, fill=canvas.theme.words[0])
    missing = ", ".join(word.word for word in entry.answer.missing[:6])
    lacks = f"missing: {missing}" if missing else ""
    canvas.text(left, y + height - 16, lacks, size=13, colour=canvas.theme.faint, max_width=room)


def _figure(entry: ContactEntry, photo: Image.Image | None, link: Link | None) -> str:
    name, copies = xml_text(entry.doc_id), told_copies(len(entry.copies))
    shown = "<p class=faint>(file not found)</p>"
    if photo is not None:
        shown = f'<img alt="{name}" src="{data_uri(fit(photo, 420, 300))}">'
    why = ""
    if entry.answer is not None:
        ranks = {rank.word: str(rank) for rank in entry.ranks}
        rows = contribution_rows(entry.answer.words[:12], ranks, weights=False)
        why = (
            f"<p><b>{entry.answer.rank}.</b> score {entry.answer.score:.6f}</p>"
            f"<table><tr><td><td>adds<td><td>without it</tr>{rows}</table>"
            f"{missing_line(entry.answer.missing[:12])}"
        )
    cloud = ""
    if entry.words:
        drawn = draw_cloud(list(entry.words), width=420, height=240, all_words=False)
        cloud = cloud_svg(drawn, link=link, title=f"words of {entry.doc_id}")
    return f"<figure>{shown}<figcaption>{name}{copies}</figcaption>{why}{cloud}</figure>"
