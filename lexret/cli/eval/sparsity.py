"""``lexret eval sparsity``: recall, postings and time against the word budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import computation_options
from lexret.cli.eval.options import (
    batch_size_option,
    called,
    captions_argument,
    encode,
    eval_model_option,
    eval_text_encoder_option,
    output_option,
    progress_bars,
    seed_option,
)

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.eval.cost.sparsity import Cut
    from lexret.library.model_encoders import TextEncoderKind


def _parse_budgets(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        budgets = tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r}; expected numbers such as 32,64,296") from error
    if min(budgets) < 1:
        raise click.BadParameter("a picture keeps at least 1 word")
    return budgets


@click.command("sparsity")
@captions_argument
@output_option
@click.option("--budgets", default="8,16,32,64,128,296", show_default=True,
              callback=_parse_budgets, help="Words that vectors are cut to.")  # fmt: skip
@click.option("--cut", type=click.Choice(["both", "pictures"]), default="both", show_default=True,
              help="Cut pictures and texts, or pictures alone.")  # fmt: skip
@eval_model_option
@eval_text_encoder_option
@batch_size_option
@seed_option
@computation_options
def command(
    captions_source: str,
    output: Path,
    budgets: tuple[int, ...],
    cut: Cut,
    model_source: str,
    text_encoder: TextEncoderKind,
    batch_size: int,
    seed: int,
    computation: Computation,
) -> None:
    """Measure what fewer words cost in recall, and save in postings and time.

    Writes sparsity.json (with its provenance), sparsity.md (a table), sparsity.png (one figure,
    with published curves for scale) and words.tsv (the share of pictures that each word is active
    in) into the output folder.

    \b
    Example:
      lexret eval sparsity photos/captions.jsonl -o runs/sparsity
      lexret eval sparsity photos/captions.jsonl -o runs/sparsity --budgets 16,64,296
    """
    from lexret.captions.sources import open_captions
    from lexret.encoders import load_model
    from lexret.eval.cost.sparsity import measure_sparsity
    from lexret.eval.cost.sparsity_files import sparsity_table, write_sparsity
    from lexret.eval.provenance import Provenance

    captions = open_captions(captions_source)
    model = load_model(model_source, computation=computation)
    encoded = encode(captions, model, text_encoder, batch_size)
    with progress_bars() as tell:
        result = measure_sparsity(
            encoded,
            model_id=model.model_id,
            budgets=budgets,
            cut=cut,
            seed=seed,
            progress=lambda done, total: tell("budgets", done, total),
        )
    provenance = Provenance(
        model=model.model_id,
        data={"captions": captions.fingerprint},
        settings={
            "budgets": budgets,
            "cut": cut,
            "precision": computation.precision,
            "text_encoder": text_encoder,
        },
        command=called(),
        seed=seed,
    )
    write_sparsity(output, result, provenance)
    click.echo(sparsity_table(result).rstrip())
