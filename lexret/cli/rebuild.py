"""``lexret rebuild``: what the index remembers of a picture, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexret.cli.candidates import complete_file, complete_folder
from lexret.cli.common import (
    DEFAULT_MODEL,
    index_option,
    json_option,
    model_option,
    open_chosen_library,
    path_text,
    print_json,
    printable,
)

if TYPE_CHECKING:
    from lexret.rebuild.views import RebuiltViews


@click.command("rebuild")
@click.argument("image", metavar="PICTURE", shell_complete=complete_file)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              metavar="FILE", help="The PNG file to write.")  # fmt: skip
@click.option("--words", "budgets", multiple=True, type=click.IntRange(min=1),
              default=(5, 21, 296), show_default=True, metavar="NUMBER",
              help="Rebuild from so many of the strongest words (repeatable).")  # fmt: skip
@click.option("--words-only", is_flag=True,
              help="Open no file: rebuild from the words that the index stores.")  # fmt: skip
@click.option("--decoder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              shell_complete=complete_folder,
              help="A rebuilding model that `lexret train` made; by default the one that "
              "ships.")  # fmt: skip
@index_option
@model_option
@json_option
def command(
    image: str,
    output: Path | None,
    budgets: tuple[int, ...],
    words_only: bool,
    decoder: Path | None,
    index_path: Path | None,
    model_source: str | None,
    as_json: bool,
) -> None:
    """Draw what tokens keep of PICTURE: its words alone, its cells, and both.

    Side by side stand the original as the network sees it (64 x 64 pixels), what is rebuilt from 5,
    21 and 296 words, from its 64 cells, and from words and cells. Words of a picture of the index
    are those that it stores; with --words-only, or where the file is gone, these are all there is:
    what somebody sees who has the index and no photo. Cells are not stored in an index.

    \b
    Example:
      lexret rebuild photo.jpg -o rebuilt.png
      lexret rebuild --index photos --words-only holiday/1.jpg -o remembered.png
    """
    if output is None and not as_json:
        raise click.UsageError("Name the file to write: -o rebuilt.png; or ask for --json.")
    views = _rebuilt(image, budgets, words_only, decoder, index_path, model_source)
    if output is not None:
        from lexret.files.whole import replace_file

        replace_file(output, views.png())
    if as_json:
        print_json(_as_json(image, output, views))
    elif output is not None:
        labels = ", ".join(view.label for view in views.views)
        click.echo(printable(f"{output}: {labels}"))
    if views.cells is None and not words_only:
        message = f"The file of {image} is not there; rebuilt from the words of the index alone."
        click.echo(printable(message), err=True)


def _rebuilt(
    image: str,
    budgets: tuple[int, ...],
    words_only: bool,
    decoder: Path | None,
    index_path: Path | None,
    model_source: str | None,
) -> RebuiltViews:
    from lexret.errors import MissingError
    from lexret.library.folders import find_index

    if index_path is None and not words_only:
        try:
            index_path = find_index(Path.cwd())
        except MissingError:
            return _of_file(image, budgets, decoder, model_source)
    library = open_chosen_library(index_path, model_source=model_source)
    return library.rebuild(image, words=budgets, words_only=words_only, decoder=decoder)


def _of_file(
    image: str, budgets: tuple[int, ...], decoder: Path | None, model_source: str | None
) -> RebuiltViews:
    """Rebuild a picture where there is no index."""
    from lexret.pictures.presence import require_picture

    require_picture(Path(image))
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.library.model_encoders import ModelEncoders
    from lexret.library.rebuilding import rebuild_file
    from lexret.rebuild.portable import load_rebuilder

    record = read_record(find_model(model_source or DEFAULT_MODEL))
    rebuilder = load_rebuilder(record, decoder)
    return rebuild_file(Path(image), ModelEncoders(record), rebuilder, budgets=budgets)


def _as_json(image: str, output: Path | None, views: RebuiltViews) -> dict[str, Any]:
    return {
        "image": path_text(image),
        "output": None if output is None else path_text(output),
        **views.as_dict(),
    }
