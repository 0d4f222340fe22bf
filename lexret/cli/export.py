"""``lexret export``: the group of formats that other search engines read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from lexret.cli.common import open_chosen_index, picture_model_option, plural
from lexret.cli.export_query import command as query

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex
    from lexret.interop.export_files import ExportRecord
    from lexret.interop.sparse_documents import FieldChoice
    from lexret.interop.sparse_files import SparseExport

F = TypeVar("F", bound=Callable[..., Any])

_HELP = """Write indexes, queries and models for other search engines and libraries.

jsonl and parquet hold the exact weights, for engines of sparse vectors (Qdrant, OpenSearch,
Elasticsearch, Milvus, Vespa, Postgres); anserini and ciff hold whole-number impacts, where a word
is written as t and its number, which OUT/words.tsv explains: no tokenizer can harm it.
docs/backends.md has recipes.

\b
Example:
  lexret export jsonl ./images -o ./for-qdrant
  lexret export query "a dog on a beach" --index ./images --for qdrant
  lexret export anserini ./images -o ./for-lucene
  lexret export st-model -o ./mini-st
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


_fields_option: Callable[[F], F] = click.option(
    "--fields", metavar="NAME,...", help="Only these fields; '' for none. By default all, such as "
    "taken_s, keywords and your own.",
)  # fmt: skip
_words_option: Callable[[F], F] = click.option(
    "--words/--no-words", "with_words", default=True,
    help="Write the words beside their numbers (default), or the numbers alone.",
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


@command.command("jsonl")
@_index_argument
@_out_option
@_fields_option
@_words_option
def jsonl(index_path: Path, folder: Path, fields: str | None, with_words: bool) -> None:
    """Write OUT/documents.jsonl: {"id", "indices", "values", "words", "fields"}, a picture a line.

    INDEX is an index folder, or the folder of pictures that holds it. Indices are numbers of words
    from 0, values their exact weights, with your corrections applied.

    \b
    Example:
      lexret export jsonl ./images -o ./for-qdrant
      lexret export jsonl ./images -o ./for-milvus --fields taken_s,keywords --no-words
    """
    from lexret.interop.sparse_files import export_jsonl

    index = open_chosen_index(index_path)
    choice = _field_choice(index, fields)
    _report_sparse(export_jsonl(index, folder, choice=choice, with_words=with_words), folder)


@command.command("parquet")
@_index_argument
@_out_option
@_fields_option
@_words_option
def parquet(index_path: Path, folder: Path, fields: str | None, with_words: bool) -> None:
    """Write OUT/documents.parquet, which holds the same as `lexret export jsonl` as columns.

    INDEX is an index folder, or the folder of pictures that holds it. Needs pyarrow:
    pip install 'lexret[parquet]'.

    \b
    Example:
      lexret export parquet ./images -o ./table
    """
    from lexret.interop.sparse_files import export_parquet

    index = open_chosen_index(index_path)
    choice = _field_choice(index, fields)
    _report_sparse(export_parquet(index, folder, choice=choice, with_words=with_words), folder)


@command.command("st-model")
@picture_model_option
@click.option("-o", "--out", "folder", required=True, metavar="OUT",
              type=click.Path(path_type=Path), help="A new or empty folder, or one of a model, "
              "which is replaced.")  # fmt: skip
def st_model(model_source: str, folder: Path) -> None:
    """Write a model that sentence-transformers' SparseEncoder opens, for texts and pictures.

    lexret opens the folder as well. Where it is used, lexret must be installed beside
    sentence-transformers (6 or later), and SparseEncoder(OUT, trust_remote_code=True) lets it
    import a class of lexret.

    \b
    Example:
      lexret export st-model -o ./mini-st
      lexret export st-model --model ./my-model -o ./my-model-st
    """
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.encoders.folder.sentence_folder import save_sentence_model

    record = save_sentence_model(read_record(find_model(model_source)), folder)
    click.echo(f"{folder}: {record.model_id}, {record.num_words:,} words.")


command.add_command(query)


def _field_choice(index: EmbeddedIndex, fields: str | None) -> FieldChoice:
    from lexret.library.exported_fields import exported_fields

    names = None if fields is None else [n.strip() for n in fields.split(",") if n.strip()]
    return exported_fields(index, names)


def _report_sparse(record: SparseExport, folder: Path) -> None:
    named = f"; fields: {', '.join(record.fields)}" if record.fields else ""
    click.echo(
        f"{folder}: {plural(record.num_documents, 'picture')}{_empty(record.num_empty)}, "
        f"{plural(record.num_postings, 'weight')} over {record.num_words:,} words, at most "
        f"{record.max_words:,} of a picture{named}."
    )


def _empty(num_empty: int) -> str:
    return f" ({num_empty:,} of them without a word)" if num_empty else ""


def _report(record: ExportRecord, folder: Path) -> None:
    click.echo(
        f"{folder}: {plural(record.num_documents, 'picture')}{_empty(record.num_empty)}, "
        f"{plural(record.num_postings, 'impact')} at scale {record.scale:g}; no weight is off by "
        f"more than {record.max_weight_error:g}."
    )
