"""``lexret eval retrieval``: recall of text -> picture and picture -> text search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import computation_options, json_option, render_table
from lexret.cli.eval.options import (
    batch_size_option,
    captions_argument,
    encode,
    eval_model_option,
    eval_text_encoder_option,
)

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.eval.intervals import Interval
    from lexret.eval.retrieval.recall import Recall
    from lexret.eval.retrieval.report import RetrievalReport
    from lexret.library.model_encoders import TextEncoderKind


@click.command("retrieval")
@captions_argument
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
@eval_model_option
@eval_text_encoder_option
@batch_size_option
@click.option(
    "--trec",
    "trec_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write TREC qrels and runs of both directions there, for other tools and for "
    "`lexret eval runs`.",
)
@click.option("--depth", type=click.IntRange(min=1), default=1000, show_default=True,
              help="Documents that --trec keeps for each query.")  # fmt: skip
@json_option
@computation_options
def command(
    captions_source: str,
    image_words: int | None,
    text_words: int | None,
    model_source: str,
    text_encoder: TextEncoderKind,
    batch_size: int,
    trec_folder: Path | None,
    depth: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Measure how often the right picture, or the right caption, is among the first found.

    CAPTIONS is a JSON-lines file with {"image": path, "captions": [...]} on each line and paths
    relative to the file, a folder that holds captions.jsonl, datasets:NAME[:SPLIT],
    karpathy:FILE[:SPLIT[:IMAGES]] (Karpathy's split files of Flickr8k, Flickr30k and COCO) or
    coco:FILE[:IMAGES] (COCO's caption annotations).

    R@k is the percentage of captions whose picture is among the first k of all pictures, and of
    pictures with any of their captions among the first k of all captions. Ties count against the
    model. Every picture must be readable. Behind R@1, R@5, R@10 and mAP stand 95% intervals
    of a bootstrap over pictures.

    \b
    Example:
      lexret eval retrieval photos/captions.jsonl
      lexret eval retrieval photos/captions.jsonl --words 296 --json
      lexret eval retrieval photos/captions.jsonl --text-encoder static
      lexret eval retrieval datasets:nlphuji/flickr30k:test --model ./my-model
      lexret eval retrieval karpathy:dataset_flickr8k.json:test:Flicker8k_Dataset
      lexret eval retrieval photos/captions.jsonl --trec runs/mini
    """
    from lexret.captions.sources import open_captions
    from lexret.encoders import load_model
    from lexret.eval.retrieval.report import report_retrieval, write_trec

    captions = open_captions(captions_source)
    model = load_model(model_source, computation=computation)
    encoded = encode(captions, model, text_encoder, batch_size)
    encoded = encoded.cut(image_words=image_words, text_words=text_words)
    report = report_retrieval(encoded)
    if trec_folder is not None:
        write_trec(trec_folder, encoded, depth=depth)
    if as_json:
        origin = {
            "model": model.model_id,
            "text_encoder": text_encoder,
            "precision": computation.precision,
            "words": image_words,
            "text_words": text_words,
        }
        values = {**report.as_dict(), **origin, "captions_sha256": captions.fingerprint}
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(_as_text(report, f"{model.model_id} ({text_encoder} texts)"))


def _as_text(report: RetrievalReport, model: str) -> str:
    result = report.result
    directions = {
        "text -> picture": (result.text_to_image, report.intervals["text_to_image"]),
        "picture -> text": (result.image_to_text, report.intervals["image_to_text"]),
    }
    table = render_table(
        ["", "R@1", "R@5", "R@10", "mAP", "median rank"],
        [[name, *_cells(*found)] for name, found in directions.items()],
        right=(1, 2, 3, 4, 5),
    )
    counts = f"{result.num_images:,} pictures, {result.num_captions:,} captions, model {model}"
    words = (
        f"words a vector: {result.active_words_image:.1f} (pictures), "
        f"{result.active_words_text:.1f} (captions)"
    )
    return f"{table}\n\n{counts}\n{words}"


def _cells(recall: Recall, intervals: dict[str, Interval]) -> list[str]:
    figures = {"R@1": recall.r1, "R@5": recall.r5, "R@10": recall.r10, "mAP": recall.mean_ap}
    cells = [
        f"{figure:.1f} ({intervals[name].low:.1f}-{intervals[name].high:.1f})"
        for name, figure in figures.items()
    ]
    return [*cells, f"{recall.median_rank:g}"]
