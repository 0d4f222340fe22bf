"""``lexret eval faithfulness``: whether the patches that a word names carry it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import computation_options, json_option, render_table
from lexret.cli.eval.options import eval_model_option, progress_bars, seed_option

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.eval.patches.faithfulness import FaithfulnessResult


@click.command("faithfulness")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--pictures", "num_pictures", type=click.IntRange(min=1), default=20,
              show_default=True, help="So many pictures, evenly chosen.")  # fmt: skip
@click.option("--words", "num_words", type=click.IntRange(min=1), default=1, show_default=True,
              help="So many of each picture's strongest words.")  # fmt: skip
@click.option("--steps", "num_steps", type=click.IntRange(min=1), default=9, show_default=True,
              help="How often a picture is encoded along a curve.")  # fmt: skip
@eval_model_option
@seed_option
@json_option
@computation_options
def command(
    folder: Path,
    num_pictures: int,
    num_words: int,
    num_steps: int,
    model_source: str,
    seed: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Cover and uncover the patches that explanations name, and see whether the word follows.

    DIR is a folder of pictures. Deletion covers the patches with most of a word first: the area
    under the curve of the word's weight should be smaller than with patches in random order.
    Insertion uncovers them first: it should be larger.

    \b
    Example:
      lexret eval faithfulness photos
      lexret eval faithfulness photos --pictures 50 --words 3 --json
    """
    from lexret.encoders import load_model
    from lexret.eval.patches.faithfulness import evenly_chosen, measure_faithfulness

    pictures = evenly_chosen(folder, num_pictures)
    count = len(pictures)
    model = load_model(model_source, computation=computation)
    with progress_bars() as tell:
        result = measure_faithfulness(
            pictures,
            model.images,
            num_words=num_words,
            num_steps=num_steps,
            seed=seed,
            progress=lambda done, total: tell("pictures", done, total),
        )
    if as_json:
        values = {**result.as_dict(), "num_images": count, "model": model.model_id}
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(_as_text(result, f"{count} pictures, model {model.model_id}"))


def _as_text(result: FaithfulnessResult, counts: str) -> str:
    rows = []
    kinds = (("deletion (smaller is better)", result.deletion), ("insertion", result.insertion))
    for name, found in kinds:
        values = found.as_dict()
        low, high = values["difference_interval"]
        figures = [
            f"{values['named']:.3f}",
            f"{values['random']:.3f}",
            f"{low:+.3f} to {high:+.3f}",
        ]
        rows.append([name, *figures])
    headings = ["area under the curve", "named patches", "random", "difference, 95%"]
    table = render_table(headings, rows, right=(1, 2, 3))
    return f"{table}\n\n{len(result.words)} words of {counts}"
