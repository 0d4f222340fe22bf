"""``lexret sheet``: a contact sheet of an index, or of the pictures that fit a query."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import click

from lexret.cli.candidates import complete_words
from lexret.cli.common import (
    check_free,
    copies_option,
    force_option,
    index_option,
    model_option,
    near_path,
    open_chosen_library,
    plural,
    print_notes,
    printable,
    progress_line,
    text_encoder_option,
)
from lexret.cli.search.question import QueryCommand, query_text

if TYPE_CHECKING:
    from PIL import Image

    from lexret.explain.contact import ContactSheet
    from lexret.explain.drawing.contact_sheet import PhotoOf
    from lexret.library.model_encoders import TextEncoderKind
    from lexret.library.snapshots import Snapshot

SUFFIXES: Final = (".html", ".png", ".svg", ".json")
FIGURES: Final = (".png", ".svg")
_SIDE: Final = 420


def _check_out(_ctx: object, _param: object, value: Path) -> Path:
    """Refuse what surely cannot be written, before anything is loaded."""
    if value.suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{value}; expected a name that ends in {', '.join(SUFFIXES)}.")
    if not value.parent.is_dir():
        raise click.BadParameter(f"{value} cannot be written: there is no folder {value.parent}.")
    if value.is_dir():
        raise click.BadParameter(f"{value} cannot be written: a folder has that name.")
    if not os.access(value if value.exists() else value.parent, os.W_OK):
        raise click.BadParameter(f"{value} cannot be written: that is not permitted.")
    return value


def _check_link(_ctx: object, _param: object, value: str | None) -> str | None:
    if value is not None and "{word}" not in value:
        raise click.BadParameter(f"{value!r}; expected an address with {{word}} in it.")
    if value is not None and not value.startswith(("http://", "https://", "/", "#", "{word}")):
        raise click.BadParameter(f"{value!r}; expected an address that begins with http or /.")
    return value


@click.command("sheet", cls=QueryCommand)
@click.argument("words", metavar="[QUERY]...", nargs=-1, shell_complete=complete_words)
@click.option("-o", "--out", "path", required=True, metavar="FILE", callback=_check_out,
              type=click.Path(path_type=Path),
              help="What to write; .html, .png, .svg or .json says how.")  # fmt: skip
@index_option
@click.option("-k", "k", type=click.IntRange(1, 5000), default=60, show_default=True,
              help="At most so many pictures.")  # fmt: skip
@click.option("--dark", is_flag=True, help="Draw PNG and SVG on dark ground.")
@click.option("--link", metavar="ADDRESS", callback=_check_link,
              help="Where words lead to, with {word} in it, such as a page of `lexret serve`: "
              "http://127.0.0.1:8000/?q={word}")  # fmt: skip
@copies_option
@force_option
@model_option
@text_encoder_option
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    path: Path,
    index_path: Path | None,
    k: int,
    dark: bool,
    link: str | None,
    copies: bool,
    force: bool,
    model_source: str | None,
    text_encoder: TextEncoderKind | None,
) -> None:
    """Draw a contact sheet: pictures of an index, each with a cloud of its words.

    With QUERY, only the pictures that fit it are drawn, the best first, each with what every word
    adds to its score, its rank without that word, and the words that it lacks; a line says where
    those begin that are less sure. HTML pages need nothing beside them. The exit status is 1 if no
    picture fits.

    \b
    Example:
      lexret sheet -o all.html
      lexret sheet "a dog on a beach" -o dogs.png -k 12
      lexret sheet path:holiday/** -o holiday.svg
    """
    check_free(path, "-o", force=force)
    from lexret.engine.query.query import Query
    from lexret.explain.contact import sheet_of_hits, sheet_of_index
    from lexret.explain.drawing.contact_sheet import check_room
    from lexret.library.asking.copies import searched_view
    from lexret.library.asking.question import Question

    library = open_chosen_library(index_path, model_source=model_source)
    snapshot = library.snapshot()
    index = snapshot.index
    searched, copies_of = searched_view(index, index, copies=copies)
    query, suffix = query_text(words), path.suffix.lower()
    with progress_line() as say:
        if query:
            say("Looking for pictures")
            understood = library.understand(Question(query, text_encoder=text_encoder), snapshot)
            print_notes(understood.notes)
            hits = library.find(understood, snapshot, k=k, copies=copies)
            sheet = sheet_of_hits(
                *(index, understood.query),
                title=query,
                k=k,
                searched=searched,
                copies_of=copies_of,
                sure_of={hit.doc_id: hit.sure for hit in hits}.get,
            )
        else:
            ids = [hit.doc_id for hit in searched.find(Query(), k=k)]
            if suffix in FIGURES:
                check_room(len(ids))
            sheet = sheet_of_index(index, ids, title="All pictures", copies_of=copies_of)
        photo_of = _photos(snapshot, len(sheet.entries), say)
        content = _render(suffix, sheet, photo_of, dark=dark, link=link)
    _write(path, content)
    click.echo(f"{printable(near_path(path.resolve()))}: {plural(len(sheet.entries), 'picture')}")
    ctx.exit(0 if sheet.entries else 1)


def _render(
    suffix: str, sheet: ContactSheet, photo_of: PhotoOf, *, dark: bool, link: str | None
) -> bytes:
    from functools import partial

    from lexret.explain.contact import sheet_to_json
    from lexret.explain.drawing.contact_sheet import contact_figure, contact_html
    from lexret.explain.drawing.palette import DARK, LIGHT
    from lexret.explain.drawing.svg import SvgCanvas

    def address(word: str) -> str:
        return (link or "").replace("{word}", quote(word, safe=""))

    theme = DARK if dark else LIGHT
    if suffix == ".json":
        return sheet_to_json(sheet).encode()
    if suffix == ".html":
        return contact_html(sheet, photo_of, link=address if link else None).encode()
    if suffix == ".svg":
        page = partial(SvgCanvas, link=address if link else None)
        return contact_figure(sheet, photo_of, theme=theme, page=page)
    return contact_figure(sheet, photo_of, theme=theme)


def _photos(snapshot: Snapshot, num_pictures: int, say: Callable[[str], None]) -> PhotoOf:
    """Return what opens a picture, and says which of how many is drawn."""
    from lexret.errors import ImageError, MissingError
    from lexret.pictures.decoding import open_image

    numbers = count(1)

    def photo_of(doc_id: str) -> Image.Image | None:
        say(f"Drawing picture {next(numbers):,} of {num_pictures:,}")
        try:
            return open_image(snapshot.picture_of(doc_id), min_side=_SIDE)
        except (MissingError, ImageError) as error:  # the sheet says so in its place
            print_notes([str(error)])
            return None

    return photo_of


def _write(path: Path, content: bytes) -> None:
    from lexret.errors import StorageError
    from lexret.files.whole import replace_file

    try:
        replace_file(path, content)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}.") from error
