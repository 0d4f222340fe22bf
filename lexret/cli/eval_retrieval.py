"""``lexret eval retrieval``: recall of text -> picture and picture -> text search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from lexret.cli.common import DEFAULT_MODEL, json_option, render_table

if TYPE_CHECKING:
    from lexret.cli.common import TextEncoderKind
    from lexret.eval.recall import Recall, RetrievalResult
    from lexret.eval.retrieval import Progress


@click.command("retrieval")
@click.argument("captions_source", metavar="CAPTIONS")
@click.option(
    "--words",
    "image_words",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cut every picture's vector to its N strongest words and normalise it again.",
)
@click.option(
    "--text-words",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cut every caption's vector likewise.",
)
@click.option(
    "--model",
    "model_source",
    metavar="MODEL",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A shipped model's name or a model folder.",
)
@click.option(
    "--text-encoder",
    "text_encoder",
    type=click.Choice(["contextual", "static"]),
    default="contextual",
    show_default=True,
    help="The captions' encoder: the transformer, whose figures are the model's own, or the table "
    "that `lexret search` uses where the model has one.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True,
              help="Pictures or captions that go through the model together.")  # fmt: skip
@json_option
def command(
    captions_source: str,
    image_words: int | None,
    text_words: int | None,
    model_source: str,
    text_encoder: TextEncoderKind,
    batch_size: int,
    as_json: bool,
) -> None:
    """Measure how often the right picture, or the right caption, is among the first found.

    CAPTIONS is a JSON-lines file with {"image": path, "captions": [...]} on each line and paths
    relative to the file, a folder that holds captions.jsonl, or datasets:NAME[:SPLIT].

    R@k is the percentage of captions whose picture is among the first k of all pictures, and of
    pictures with any of their captions among the first k of all captions. Ties count against the
    model. Every picture must be readable.

    \b
    Example:
      lexret eval retrieval photos/captions.jsonl
      lexret eval retrieval photos/captions.jsonl --words 296 --json
      lexret eval retrieval photos/captions.jsonl --text-encoder static
      lexret eval retrieval datasets:nlphuji/flickr30k:test --model ./my-model
    """
    from lexret.data.captions import open_captions
    from lexret.encoders import load_model
    from lexret.eval.retrieval import measure_retrieval

    captions = open_captions(captions_source)
    model = load_model(model_source)
    with _progress_bars() as progress:
        result = measure_retrieval(
            captions,
            model.images,
            model.static_texts if text_encoder == "static" else model.texts,
            image_words=image_words,
            text_words=text_words,
            batch_size=batch_size,
            progress=progress,
        )
    if as_json:
        origin = {
            "model": model.model_id,
            "text_encoder": text_encoder,
            "words": image_words,
            "text_words": text_words,
        }
        values = {**result.as_dict(), **origin, "captions_sha256": captions.fingerprint}
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(_as_text(result, f"{model.model_id} ({text_encoder} texts)"))


@contextmanager
def _progress_bars() -> Iterator[Progress]:
    """Show one bar after the other on stderr, where that is a terminal."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def progress(kind: str, done: int, total: int) -> None:
        if kind not in bars:
            bars[kind] = tqdm(total=total, unit=f" {kind}", dynamic_ncols=True, disable=None)
        bars[kind].update(done - bars[kind].n)

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()


def _as_text(result: RetrievalResult, model: str) -> str:
    directions = {
        "text -> picture": result.text_to_image,
        "picture -> text": result.image_to_text,
    }
    table = render_table(
        ["", "R@1", "R@5", "R@10", "median rank"],
        [[name, *_cells(recall)] for name, recall in directions.items()],
        right=(1, 2, 3, 4),
    )
    counts = f"{result.num_images:,} pictures, {result.num_captions:,} captions, model {model}"
    words = (
        f"words a vector: {result.active_words_image:.1f} (pictures), "
        f"{result.active_words_text:.1f} (captions)"
    )
    return f"{table}\n\n{counts}\n{words}"


def _cells(recall: Recall) -> list[str]:
    figures = (recall.r1, recall.r5, recall.r10)
    return [*(f"{figure:.1f}" for figure in figures), f"{recall.median_rank:g}"]
