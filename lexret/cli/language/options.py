"""What the commands about dictionaries share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def folder_option(name: str, text: str) -> Callable[[F], F]:
    """Return the option that names a folder of dictionaries in place of the user's."""
    return click.option(
        name,
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="FOLDER",
        help=f"{text}; without it, LEXRET_LANGUAGES or the folder for your data.",
    )
