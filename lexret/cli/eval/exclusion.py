"""``lexret eval exclusion``: whether "X without Y" leaves Y out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lexret.cli.common import computation_options, json_option, render_table
from lexret.cli.eval.options import (
    batch_size_option,
    eval_model_option,
    eval_text_encoder_option,
    print_json,
    progress_bars,
    seed_option,
    source_argument,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexret.encoders.computation import Computation
    from lexret.eval.control.exclusion import ControlResult, TopTen
    from lexret.library.model_encoders import TextEncoderKind


@click.command("exclusion")
@source_argument
@click.option("--max-queries", type=click.IntRange(min=1), default=100, show_default=True,
              help="At most so many pairs, those that most often go together.")  # fmt: skip
@eval_model_option
@eval_text_encoder_option
@batch_size_option
@seed_option
@json_option
@computation_options
def command(
    source: str,
    max_queries: int,
    model_source: str,
    text_encoder: TextEncoderKind,
    batch_size: int,
    seed: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Ask for "X without Y" and "X with Y", and count how often Y is in the first ten.

    SOURCE is pictures with captions, as for `lexret eval retrieval`, or with masks, as for
    `lexret eval patchdis`. Queries are pairs of things that go together in these pictures. Words
    excluded (-Y) and required (+Y) in the sparse vectors are set beside the model's dense vectors
    with the vector of Y subtracted or added.

    \b
    Example:
      lexret eval exclusion photos/captions.jsonl
      lexret eval exclusion coco-masks --json
    """
    from lexret.encoders import load_model
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.encoders.folder.word_levels import read_word_levels
    from lexret.eval.control.annotated_pictures import check_source, open_annotated
    from lexret.eval.control.exclusion import measure_control

    check_source(source)
    model = load_model(model_source, computation=computation)
    with progress_bars() as tell:
        pictures = open_annotated(source, model, batch_size=batch_size, progress=tell)
    dense = model.contextual_text.encode_dense(pictures.inventory.names)
    result = measure_control(
        pictures,
        texts_of(model, text_encoder),
        dense,
        levels_V=read_word_levels(read_record(find_model(model_source))),
        max_pairs=max_queries,
        seed=seed,
    )
    if as_json:
        print_json(result, model, text_encoder, pictures)
    else:
        click.echo(_as_text(result, model.model_id))


def _as_text(result: ControlResult, model_id: str) -> str:
    return (
        f"{_table('X without Y', result.without)}\n\n{_table('X with Y', result.required)}\n\n"
        f"{len(result.pairs)} queries, {result.num_pictures:,} pictures, model {model_id}"
    )


def _table(title: str, found: Mapping[str, TopTen]) -> str:
    rows = [
        [
            name,
            f"{measured.second:.1f} ({measured.interval.low:.1f}-{measured.interval.high:.1f})",
            f"{measured.first:.1f}",
            f"{measured.good:.1f}",
            f"{measured.hits:.1f}",
        ]
        for name, measured in found.items()
    ]
    headings = [title, "% of top 10 with Y", "with X", "as asked", "hits"]
    return render_table(headings, rows, right=(1, 2, 3, 4))
