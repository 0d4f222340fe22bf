"""The option ``--max-false-matches`` of ``lexret search``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _parse_share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    text = value.strip()
    try:
        share = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}; expected a share such as 5% or 0.05") from error
    if not 0.0 < share < 1.0:
        raise click.BadParameter(f"{value!r}; expected more than 0% and less than 100%")
    return share


max_false_matches_option: Callable[[F], F] = click.option(
    "--max-false-matches",
    "max_false_matches",
    metavar="SHARE",
    callback=_parse_share,
    help="Find nothing rather than something wrong: of searches for things that are not there, at "
    "most this share (such as 5%) may find something. For plain texts.",
)
