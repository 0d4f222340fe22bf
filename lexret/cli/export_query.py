"""``lexret export query``: a query as numbers and weights, or as another engine's request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lexret.cli.candidates import complete_words
from lexret.cli.common import (
    computation_options,
    index_option,
    model_option,
    open_chosen_library,
    print_json,
    print_notes,
    text_encoder_option,
)
from lexret.cli.search.question import QueryCommand, query_text

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.library.model_encoders import TextEncoderKind
    from lexret.sparse import LexicalVector

ENGINES: Final = (
    *("qdrant", "elasticsearch", "opensearch", "rank-features", "milvus", "vespa", "pgvector"),
)


@click.command("query", cls=QueryCommand)
@click.argument("words", metavar="[QUERY]...", nargs=-1, shell_complete=complete_words)
@index_option
@click.option("--for", "engine", type=click.Choice(ENGINES),
              help="Print what this engine is asked instead: the body of its request as JSON; for "
              "pgvector, the sparsevec.")  # fmt: skip
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True,
              help="At most so many hits, in an engine's request.")  # fmt: skip
@click.option("--image", "images", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
              help="Look for a picture's content, with or without words (repeatable).")  # fmt: skip
@model_option
@text_encoder_option
@computation_options
def command(
    words: tuple[str, ...],
    index_path: Path | None,
    engine: str | None,
    k: int,
    images: tuple[Path, ...],
    model_source: str | None,
    text_encoder: TextEncoderKind | None,
    computation: Computation,
) -> None:
    """Encode QUERY as `lexret search` does, for an engine that holds an export of the index.

    Prints JSON: indices (numbers of words, from 0), values (their weights), the words, and the
    model. QUERY is a plain text: operators and filters are no part of a vector.

    \b
    Example:
      lexret export query "a dog on a beach"
      lexret export query "a dog on a beach" --index ./images --for elasticsearch -k 20
      lexret export query --image photo.jpg --for qdrant
    """
    if not words and not images:
        raise click.UsageError("Missing argument 'QUERY'.")
    library = open_chosen_library(index_path, model_source=model_source, computation=computation)
    from lexret.library.asking.query_vector import query_vector
    from lexret.library.asking.question import Question

    text = query_text(words)
    understood = library.understand(Question.of(text, image=images, text_encoder=text_encoder))
    print_notes(understood.notes)
    vector = query_vector(understood)
    if engine == "pgvector":
        from lexret.interop.engines import postgres

        click.echo(postgres.query(vector))
    elif engine is not None:
        print_json(_requests()[engine](vector, k=k), indent=None)
    else:
        print_json(_as_json(vector, text, library.snapshot().index.model_id), indent=None)


def _requests() -> Mapping[str, Callable[..., dict[str, Any]]]:
    from lexret.interop.engines import features, milvus, qdrant, vespa

    return {
        "qdrant": qdrant.query,
        "elasticsearch": features.sparse_vector_query,
        "opensearch": features.neural_sparse_query,
        "rank-features": features.rank_feature_query,
        "milvus": milvus.search,
        "vespa": vespa.query,
    }


def _as_json(vector: LexicalVector, text: str, model_id: str) -> dict[str, Any]:
    from lexret.interop.engines.shared import numbers_of

    indices, values = numbers_of(vector)
    names = vector.vocabulary.words
    return {
        "query": text,
        "model": model_id,
        "num_words": len(vector.vocabulary),
        "indices": indices,
        "values": values,
        "words": [names[index] for index in indices],
    }
