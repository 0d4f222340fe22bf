"""``lexret eval mixed``: how well a photo and a word together find."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from lexret.cli.common import computation_options, json_option, render_table
from lexret.cli.eval.options import (
    batch_size_option,
    captions_argument,
    eval_model_option,
    progress_bars,
    seed_option,
)

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.library.model_encoders import TextEncoderKind


@click.command("mixed")
@captions_argument
@click.option("--queries", "most", type=click.IntRange(min=1), default=300, show_default=True,
              help="At most so many, drawn at random.")  # fmt: skip
@click.option("--text-encoder", type=click.Choice(["static", "contextual"]),
              help="The words' encoder; by default that of `lexret search`.")  # fmt: skip
@seed_option
@eval_model_option
@batch_size_option
@json_option
@computation_options
def command(
    captions_source: str,
    most: int,
    text_encoder: TextEncoderKind | None,
    seed: int,
    model_source: str,
    batch_size: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Measure queries of a photo and a word: "like this photo, in the snow".

    A query is a photo whose CAPTIONS name a thing (dog, child, man, woman, bicycle) and not a scene
    (snow, beach, water, grass, street, rock), and the scene's word. Right are the pictures whose
    captions name both. The figure is the percentage of the first ten that are right, of what was
    possible, with its 95% interval over draws of the queries.

    \b
    Example:
      lexret eval mixed captions.jsonl
      lexret eval mixed captions.jsonl --queries 1000 --json
    """
    from lexret.captions.sources import open_captions
    from lexret.encoders import load_model
    from lexret.eval.mixed.measure import measure_mixed_queries
    from lexret.eval.mixed.queries import mixed_queries
    from lexret.eval.retrieval.encoding import encode_pictures

    captions = open_captions(captions_source)
    asked = mixed_queries(captions, most=most, seed=seed)
    model = load_model(model_source, computation=computation)
    kind = text_encoder or ("static" if model.has_static_text else "contextual")
    texts = model.static_text if kind == "static" else model.contextual_text
    with progress_bars() as progress:
        pictures = encode_pictures(
            captions.image, len(captions), model.images, batch_size, progress
        )
    found = measure_mixed_queries(pictures, asked, texts.encode_queries, seed=seed)
    if as_json:
        values = {
            "model": model.model_id,
            "text_encoder": kind,
            "pictures": len(captions),
            "queries": len(asked.rows),
            "seed": seed,
            "results": [each.as_dict() for each in found],
        }
        click.echo(json.dumps(values, indent=2))
        return
    rows = [
        [each.kind, f"{each.right:.1f}", f"{each.interval.low:.1f}-{each.interval.high:.1f}"]
        for each in found
    ]
    click.echo(render_table(["query", "right in ten, %", "95%"], rows, right=(1, 2)))
    counts = f"Queries: {len(asked.rows):,}; pictures: {len(captions):,}"
    click.echo(f"\n{counts}; {kind} text encoder")
