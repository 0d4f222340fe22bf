"""``lexret export``: the group of formats that other search engines read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from lexret.cli.common import open_chosen_index, plural

if TYPE_CHECKING:
    from lexret.interop.export_files import ExportRecord

F = TypeVar("F", bound=Callable[..., Any])

_HELP = """Write an index as whole-number impacts for other search engines.

A word is written as t and its number, which OUT/words.tsv explains: no tokenizer can harm it.

\b
Example:
  lexret export anserini ./images -o ./for-lucene
  lexret export ciff ./images -o ./for-pisa
"""
_SCALE: Final = 100.0

_index_argument: Callable[[F], F] = click.argument(
    "index_path", metavar="INDEX", type=click.Path(path_type=Path)
)
_out_option: Callable[[F], F] = click.option(
    "-o", "--out", "folder", required=True, metavar="OUT", type=click.Path(path_type=Path),
    help="A new or empty folder.",
)  # fmt: skip
_scale_option: Callable[[F], F] = click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), default=_SCALE, show_default=True,
    help="Impacts per unit of weight; a query's weights must be multiplied by it too.",
)  # fmt: skip


@click.group("export", help=_HELP)
def command() -> None:
    """See _HELP."""


@command.command("anserini")
@_index_argument
@_out_option
@_scale_option
def anserini(index_path: Path, folder: Path, scale: float) -> None:
    """Write a JsonVectorCollection for Anserini and Pyserini (Lucene).

    INDEX is an index folder, or the folder of pictures that holds it. Index the folder
    OUT/collection with Anserini's options -collection JsonVectorCollection -impact -pretokenized.
    Anserini leaves documents without a word out.

    \b
    Example:
      lexret export anserini ./images -o ./for-lucene
    """
    from lexret.interop.anserini import export_anserini

    _report(export_anserini(open_chosen_index(index_path), folder, scale=scale), folder)


@command.command("ciff")
@_index_argument
@_out_option
@_scale_option
def ciff(index_path: Path, folder: Path, scale: float) -> None:
    """Write the Common Index File Format (PISA, Terrier, JASS and others).

    INDEX is an index folder, or the folder of pictures that holds it.

    \b
    Example:
      lexret export ciff ./images -o ./for-pisa --scale 1000
    """
    from lexret.interop.ciff import export_ciff

    _report(export_ciff(open_chosen_index(index_path), folder, scale=scale), folder)


def _report(record: ExportRecord, folder: Path) -> None:
    empty = f" ({record.num_empty:,} of them without a word)" if record.num_empty else ""
    click.echo(
        f"{folder}: {plural(record.num_documents, 'picture')}{empty}, "
        f"{plural(record.num_postings, 'impact')} at scale {record.scale:g}; no weight is off by "
        f"more than {record.max_weight_error:g}."
    )
