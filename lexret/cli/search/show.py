"""What ``lexret search`` does with the files it found: print paths, show or open the pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from lexret.cli.common import printable

F = TypeVar("F", bound=Callable[..., Any])

OPENED_AT_MOST: Final = 10
SHOWN_AT_MOST: Final = 10


def shown_options(function: F) -> F:
    """Add the options ``--paths``, ``-0``, ``--pictures`` and ``--open``."""
    options: list[Callable[[F], F]] = [
        click.option("--open", "open_hits", is_flag=True,
                     help=f"Open what was found with the system's viewer, {OPENED_AT_MOST} at "
                     "most."),
        click.option("--pictures/--no-pictures", default=None,
                     help="Show the pictures on the terminal (kitty, iTerm, sixel); by default "
                     "where it is known that it can."),
        click.option("-0", "--null", "null", is_flag=True,
                     help="End each of --paths by a zero byte, for xargs -0."),
        click.option("--paths", "paths_only", is_flag=True,
                     help="Print the paths, nothing else, one a line. Without -0, a path that "
                     "holds a line break is left out and named on stderr; the exit status is 2."),
    ]  # fmt: skip
    for option in options:
        function = option(function)
    return function


def show_pictures(paths: Sequence[str], *, wanted: bool | None) -> None:
    """Show pictures on the terminal where it can; raises UsageError where it must and cannot."""
    from lexret.cli.search.terminal import VARIABLE, encode_picture, picture_protocol

    protocol = None if wanted is False else picture_protocol()
    if protocol is None:
        if wanted:
            raise click.UsageError(
                "This terminal is not known to show pictures; if it can, say how: "
                f"{VARIABLE}=kitty (or iterm, or sixel)."
            )
        return
    from lexret.errors import ImageError, MissingError
    from lexret.pictures.decoding import open_image

    for number, path in enumerate(paths[:SHOWN_AT_MOST], start=1):
        click.echo(f"\n{number}. {printable(path)}")
        try:
            click.echo(encode_picture(open_image(Path(path), min_side=240), protocol), nl=False)
        except (ImageError, MissingError) as error:
            click.echo(printable(f"({error})"))


def open_pictures(paths: Sequence[str]) -> None:
    """Open pictures with the system's viewer."""
    for path in paths[:OPENED_AT_MOST]:
        if click.launch(os.path.abspath(path)) != 0:
            click.echo(printable(f"Note: the system could not open {path}."), err=True)
