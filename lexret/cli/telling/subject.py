"""What `lexret caption` and `lexret ask` share: the picture, its words, the language model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from lexret.cli.common import (
    DEFAULT_MODEL,
    index_option,
    json_option,
    model_option,
    path_text,
    print_notes,
    printable,
)

if TYPE_CHECKING:
    from lexret.library.caption_input import CaptionInput
    from lexret.library.library import Library
    from lexret.telling.language_model import LanguageModel
    from lexret.telling.tell import Told

F = TypeVar("F", bound=Callable[..., Any])

LM_VARIABLE: Final = "LEXRET_LM"

lm_option: Callable[[F], F] = click.option(
    "--lm", "lm", metavar="WHERE", envvar=LM_VARIABLE,
    help="A language model: a folder or a name for transformers, or the address of a server such "
    f"as http://127.0.0.1:8080 (llama.cpp, Ollama). By default what {LM_VARIABLE} says.",
)  # fmt: skip
served_option: Callable[[F], F] = click.option(
    "--lm-name", "served", metavar="NAME", help="Which of a server's models; by default its first."
)
_places_option: Callable[[F], F] = click.option(
    "--places", is_flag=True,
    help="Tell the language model where each word is: left, middle or right. The picture is "
    "opened for that.",
)  # fmt: skip


def telling_options(command: F) -> F:
    """Give a command the options of what is told, of the index and its model, and --json."""
    options = (lm_option, served_option, _places_option, index_option, model_option, json_option)
    for option in reversed(options):
        command = option(command)
    return command


def open_told_picture(
    image: str, index_path: Path | None, model_source: str | None, *, places: bool
) -> CaptionInput:
    """Return a picture's words: those of the index where it is in it, else of its file.

    Raises:
        MissingError: if there is neither.
    """
    from lexret.library.caption_input import picture_of_library, picture_of_model

    library = _library(index_path, model_source)
    if library is None:
        return picture_of_model(model_source or DEFAULT_MODEL, Path(image), places=places)
    return picture_of_library(library, image, places=places)


def _library(index_path: Path | None, model_source: str | None) -> Library | None:
    """Open the index that was named, or the nearest; None where none was named and none is near."""
    from lexret.cli.common import open_chosen_library
    from lexret.errors import MissingError

    if index_path is not None:
        return open_chosen_library(index_path, model_source=model_source)
    from lexret.library.folders import find_index

    try:
        place = find_index(Path.cwd())
    except MissingError:
        return None
    return open_chosen_library(place, model_source=model_source)


def check_served(place: str | None, served: str | None) -> None:
    """Raise click.UsageError where one of a server's models is named, and no server."""
    if place is None and served is not None:
        raise click.UsageError(
            f"--lm-name {served} names a model of a server; give its address with --lm, or "
            f"{LM_VARIABLE}."
        )


def open_told_model(place: str, served: str | None) -> LanguageModel:
    """Open a language model, and say so where the picture's words leave this machine."""
    from lexret.telling.language_model import is_this_machine
    from lexret.telling.opening import is_address, open_language_model

    if is_address(place) and not is_this_machine(place):
        print_notes([f"the words of your picture leave this machine: they are sent to {place}"])
    return open_language_model(place, served=served)


def told_as_json(image: str, told: Told, model: LanguageModel | None) -> dict[str, object]:
    """Return what was told as JSON has it."""
    return {
        "image": path_text(image),
        "text": told.text or None,
        "language_model": None if model is None else model.name,
        "words": list(told.words),
        "stands_on": None if told.stands_on is None else list(told.stands_on),
    }


def told_as_text(told: Told) -> str:
    """Return a text, and the words that it stands on below it."""
    if told.stands_on is None:
        shown = ", ".join(told.words)
        return f"{told.text}\n  from the words: {shown}"
    return f"{told.text}\n  because of: {', '.join(told.stands_on)}"


def exit_untold(ctx: click.Context, image: str, told: Told, *, unfounded: str) -> None:
    """Say why nothing was told and exit with 1; do nothing where something was.

    Args:
        unfounded: the reason where the picture holds sure words.
    """
    if told.text:
        return
    why = unfounded if told.words else "it holds no sure word"
    click.echo(printable(f"Nothing is told of {image}: {why}."), err=True)
    ctx.exit(1)
