"""``lexret search --max-false-matches``: what of a search is surely enough a match."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lexret.cli.search.question import Understood, Wanted
    from lexret.engine.index import EmbeddedIndex
    from lexret.explain.answers import Answer

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


def keep_sure(
    answers: list[Answer],
    index: EmbeddedIndex,
    wanted: Wanted,
    understood: Understood,
    max_false_matches: float,
) -> list[Answer]:
    """Keep the answers that the model's calibration lets through, ranked anew.

    Raises:
        InputError: if the query is no plain text, or the calibration cannot tell that share.
        MissingError: if the model has no calibration for this text encoder.
    """
    from dataclasses import replace

    from lexret.cli.common import DEFAULT_MODEL
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.encoders.folder.word_levels import read_word_levels
    from lexret.errors import InputError
    from lexret.library.calibration import matching, read_calibration
    from lexret.sparse import LexicalVector

    query = understood.query
    if not isinstance(query, LexicalVector) or understood.text_encoder is None:
        raise InputError(
            "--max-false-matches judges plain texts; take operators, filters and pictures out of "
            "the query."
        )
    record = read_record(
        find_model(wanted.model_source or index.manifest.model_source or DEFAULT_MODEL)
    )
    calibration = read_calibration(
        record.folder, model_id=index.model_id, text_encoder=understood.text_encoder
    )
    sure = matching(
        index,
        wanted.text,
        query,
        calibration,
        levels_V=read_word_levels(record),
        rate=max_false_matches,
    )
    kept = [one for one in answers if one.doc_id in sure]
    return [replace(one, rank=rank) for rank, one in enumerate(kept, start=1)]
