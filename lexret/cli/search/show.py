"""What ``lexret search`` does with the files it found: print paths, show or open the pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from lexret.cli.common import printable

if TYPE_CHECKING:
    from lexret.library.asking.results import Results

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


def show_pictures(results: Results, paths: Sequence[str], *, wanted: bool | None) -> None:
    """Show what was found on the terminal where it can; raises UsageError where it must and cannot.

    Args:
        paths: what to call each.
    """
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

    shown = list(zip(results, paths, strict=True))[:SHOWN_AT_MOST]
    for number, (hit, path) in enumerate(shown, start=1):
        click.echo(f"\n{number}. {printable(path)}")
        try:
            image = open_image(results.snapshot.picture_of(hit.doc_id), min_side=240)
            click.echo(encode_picture(image, protocol), nl=False)
        except (ImageError, MissingError) as error:
            click.echo(printable(f"({error})"))


def open_pictures(results: Results, paths: Sequence[str]) -> None:
    """Open what was found with the system's viewer."""
    if results.snapshot.packed_folders and results:
        click.echo(
            "Note: viewers open no pictures in tar shards or Parquet files; `lexret serve` does.",
            err=True,
        )
        return
    for path in paths[:OPENED_AT_MOST]:
        if click.launch(os.path.abspath(path)) != 0:
            click.echo(printable(f"Note: the system could not open {path}."), err=True)
