"""Which engine answers ``lexret search``: the embedded one, or Lucene beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from lexret.cli.common import plural

if TYPE_CHECKING:
    from lexret.cli.search.question import Understood
    from lexret.engine.index import EmbeddedIndex
    from lexret.explain.answers import Answer

Backend = Literal["embedded", "lucene"]


def answers_of(
    index: EmbeddedIndex, understood: Understood, *, k: int, backend: Backend
) -> list[Answer]:
    """Answer a query; a Lucene index that is not there or out of date is made first.

    Raises:
        InputError: if the query is not one for that backend.
        MissingPackageError: if the backend is not installed.
    """
    from lexret.explain.answers import answer

    if backend == "embedded":
        return answer(index, understood.query, k=k)
    from lexret.interop.lucene_mirror import LuceneMirror

    def building() -> None:
        click.echo(f"Making the Lucene index of {plural(len(index), 'picture')}...", err=True)

    mirror = LuceneMirror(index, on_build=building)
    return answer(mirror, mirror.rounded(understood.query), k=k)
