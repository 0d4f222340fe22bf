"""``lexret rebuild``: what the index remembers of a picture, drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click
from click.core import ParameterSource

from lexret.cli.candidates import complete_file, complete_folder
from lexret.cli.common import (
    DEFAULT_MODEL,
    check_free,
    force_option,
    index_option,
    json_option,
    model_option,
    open_chosen_library,
    path_text,
    print_json,
    printable,
)
from lexret.cli.telling.subject import (
    LM_VARIABLE,
    check_served,
    lm_option,
    open_told_model,
    served_option,
)

if TYPE_CHECKING:
    from lexret.encoders.folder.record import ModelRecord
    from lexret.rebuild.denoised import DenoisedPhoto
    from lexret.rebuild.denoising_prompts import Task
    from lexret.rebuild.portable import Rebuilder
    from lexret.rebuild.views import RebuiltViews

_TASKS: Final = ("inpaint", "outpaint", "deblur", "rotate", "shift")


def _check_output(_ctx: object, _param: object, value: Path | None) -> Path | None:
    """Refuse what surely cannot be written, before anything is loaded."""
    if value is None:
        return None
    if value.suffix.lower() != ".png":
        raise click.BadParameter(f"{value}; expected a name that ends in .png.")
    if not value.parent.is_dir():
        raise click.BadParameter(f"{value} cannot be written: there is no folder {value.parent}.")
    return value


def _spare(picture: Path, output: Path | None) -> None:
    """Raise click.BadParameter where the drawing would take the place of the picture's own file."""
    if output is not None and output.exists() and picture.exists() and output.samefile(picture):
        raise click.BadParameter(
            f"{output} is the picture itself, which would be lost; choose another name.",
            param_hint="'-o'",
        )


@click.command("rebuild")
@click.argument("image", metavar="PICTURE", shell_complete=complete_file)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              callback=_check_output, metavar="FILE", help="The PNG file to write.")  # fmt: skip
@click.option("--words", "budgets", multiple=True, type=click.IntRange(min=1),
              default=(5, 21, 296), show_default=True, metavar="NUMBER",
              help="Rebuild from so many of the strongest words (repeatable).")  # fmt: skip
@click.option("--words-only", is_flag=True,
              help="Open no file: rebuild from the words that the index stores.")  # fmt: skip
@click.option("--decoder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              shell_complete=complete_folder,
              help="A rebuilding model that `lexret train` made; by default the one that "
              "ships.")  # fmt: skip
@click.option("--denoise", "task", type=click.Choice(_TASKS),
              help="Damage PICTURE so, and let the language model of --lm restore its cells, which "
              "it reads as words.")  # fmt: skip
@lm_option
@served_option
@force_option
@index_option
@model_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    image: str,
    output: Path | None,
    budgets: tuple[int, ...],
    words_only: bool,
    decoder: Path | None,
    task: str | None,
    lm: str | None,
    served: str | None,
    force: bool,
    index_path: Path | None,
    model_source: str | None,
    as_json: bool,
) -> None:
    """Draw what tokens keep of PICTURE: its words alone, its cells, and both.

    Side by side stand the original as the network sees it (64 x 64 pixels), what is rebuilt from 5,
    21 and 296 words, from its 64 cells, and from words and cells. Words of a picture of the index
    are those that it stores; with --words-only, or where the file is gone, these are all there is:
    what somebody sees who has the index and no photo. Cells are not stored in an index.

    With --denoise stand side by side the cells of the damaged picture, what the language model
    makes of them, and those of the picture itself. The model must have Llama 2's vocabulary.

    \b
    Example:
      lexret rebuild photo.jpg -o rebuilt.png
      lexret rebuild --index photos --words-only holiday/1.jpg -o remembered.png
      lexret rebuild photo.jpg --denoise inpaint --lm ./llama-2 -o inpainted.png
    """
    if output is None and not as_json:
        raise click.UsageError("Name the file to write: -o rebuilt.png; or ask for --json.")
    _check_denoising(ctx, task, lm, served)
    _spare(Path(image), output)
    check_free(output, "-o", force=force)
    if task is not None and lm is not None:
        _denoise(image, output, cast("Task", task), lm, served, decoder, model_source, as_json)
        return
    views = _rebuilt(image, output, budgets, words_only, decoder, index_path, model_source)
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


def _check_denoising(
    ctx: click.Context, task: str | None, lm: str | None, served: str | None
) -> None:
    """Raise click.UsageError where options are given that do not go together."""
    given = {
        parameter.opts[-1]
        for parameter in ctx.command.params
        if ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    }
    if task is None and given & {"--lm", "--lm-name"}:
        raise click.UsageError("A language model restores cells: add --denoise TASK.")
    if task is None:
        return
    for other in sorted(given & {"--words", "--words-only", "--index"}):
        raise click.UsageError(f"{other} does not go with --denoise, which goes by cells.")
    if lm is None:
        raise click.UsageError(
            f"Cells are restored by a language model: name one with --lm, or {LM_VARIABLE}."
        )
    check_served(lm, served)


def _rebuilt(
    image: str,
    output: Path | None,
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
    _spare(library.snapshot().file_of(image), output)
    return library.rebuild(image, words=budgets, words_only=words_only, decoder=decoder)


def _of_file(
    image: str, budgets: tuple[int, ...], decoder: Path | None, model_source: str | None
) -> RebuiltViews:
    """Rebuild a picture where there is no index."""
    from lexret.pictures.presence import require_picture

    require_picture(Path(image))
    from lexret.library.model_encoders import ModelEncoders
    from lexret.library.rebuilding import rebuild_file

    record, rebuilder = _rebuilder(decoder, model_source)
    return rebuild_file(Path(image), ModelEncoders(record), rebuilder, budgets=budgets)


def _rebuilder(decoder: Path | None, model_source: str | None) -> tuple[ModelRecord, Rebuilder]:
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.rebuild.portable import load_rebuilder

    record = read_record(find_model(model_source or DEFAULT_MODEL))
    return record, load_rebuilder(record, decoder)


def _denoise(
    image: str,
    output: Path | None,
    task: Task,
    lm: str,
    served: str | None,
    decoder: Path | None,
    model_source: str | None,
    as_json: bool,
) -> None:
    """Let a language model restore a damaged picture's cells, and draw what came of it."""
    from lexret.pictures.presence import require_picture

    require_picture(Path(image))
    from lexret.cli.eval.options import progress_bars
    from lexret.files.whole import replace_file
    from lexret.pictures.decoding import open_image
    from lexret.rebuild.denoised import denoised_photo
    from lexret.rebuild.denoising import require_vocabulary
    from lexret.rebuild.entries import llama_entries
    from lexret.rebuild.views import View, as_png
    from lexret.telling.language_model import require_token_model

    _, rebuilder = _rebuilder(decoder, model_source)
    model = require_token_model(open_told_model(lm, served))
    entries = llama_entries()
    require_vocabulary(model, entries.token_ids.tolist(), entries.pieces)
    with progress_bars() as progress:
        photo = open_image(Path(image))
        found = denoised_photo(rebuilder, model, photo, task, progress=partial(progress, "cells"))
    views = (
        View("damaged", found.damaged),
        View("restored", found.restored),
        View(f"{found.cells.size} cells", found.whole),
    )
    if output is not None:
        replace_file(output, as_png(views))
    if as_json:
        print_json(_denoised_as_json(image, output, task, model.name, found))
    elif output is not None:
        click.echo(
            printable(
                f"{output}: {', '.join(view.label for view in views)}; {found.num_right} of "
                f"{found.num_predicted} cells are those of the picture"
            )
        )


def _denoised_as_json(
    image: str, output: Path | None, task: Task, lm: str, found: DenoisedPhoto
) -> dict[str, Any]:
    return {
        "image": path_text(image),
        "output": None if output is None else path_text(output),
        "task": task,
        "language_model": lm,
        "right": found.num_right,
        "predicted": found.num_predicted,
        "cells": found.cells.tolist(),
    }


def _as_json(image: str, output: Path | None, views: RebuiltViews) -> dict[str, Any]:
    return {
        "image": path_text(image),
        "output": None if output is None else path_text(output),
        **views.as_dict(),
    }
