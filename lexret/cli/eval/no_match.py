"""``lexret eval no-match``: whether a search knows when there is nothing to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_file
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
    from lexret.encoders.computation import Computation
    from lexret.eval.control.no_match import ErrorRates, NoMatchResult
    from lexret.library.model_encoders import TextEncoderKind


@click.command("no-match")
@source_argument
@click.option("--save", is_flag=True,
              help="Keep calibrations in the model's folder, for lexret search: one for each of "
              "its text encoders.")  # fmt: skip
@click.option("--learn-from", "learn_from", multiple=True, metavar="SOURCE",
              shell_complete=complete_file,
              help="Learn from these pictures instead of SOURCE (may be repeated).")  # fmt: skip
@eval_model_option
@eval_text_encoder_option
@batch_size_option
@seed_option
@json_option
@computation_options
def command(
    source: str,
    save: bool,
    learn_from: tuple[str, ...],
    model_source: str,
    text_encoder: TextEncoderKind,
    batch_size: int,
    seed: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Search for things that are not there, and count how often something is found all the same.

    SOURCE is pictures with captions, as for `lexret eval retrieval`, or with masks, as for
    `lexret eval patchdis`. Things that pictures show are searched for in these pictures and in
    those of them that do not show the thing. False matches are searches for absent things that
    find something, missed are searches for present things that find nothing; calibrated evidence
    stands beside one cut-off of the score for all queries. Each thing is judged by what was
    learnt from others, or with --learn-from all things by what was learnt there.

    `lexret search --max-false-matches 5%` uses the calibration that --save keeps.

    \b
    Example:
      lexret eval no-match photos/captions.jsonl
      lexret eval no-match photos/captions.jsonl --save --model ./my-model
      lexret eval no-match photos/captions.jsonl --learn-from others/captions.jsonl
      lexret eval no-match coco-masks --text-encoder static --json
    """
    from lexret.encoders import load_model
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.encoders.folder.word_levels import read_word_levels
    from lexret.eval.control.annotated_pictures import check_source, open_annotated
    from lexret.eval.control.no_match import measure_no_match
    from lexret.library.asking.calibration import save_calibration
    from lexret.library.model_encoders import ModelEncoders

    for place in (source, *learn_from):
        check_source(place)
    model, record = (
        load_model(model_source, computation=computation),
        read_record(find_model(model_source)),
    )
    levels_V = read_word_levels(record)
    silent = ModelEncoders(record).silent_terms(model.vocabulary)
    with progress_bars() as tell:
        pictures = open_annotated(source, model, batch_size=batch_size, progress=tell)
        lessons = [
            open_annotated(s, model, batch_size=batch_size, progress=tell) for s in learn_from
        ]

    def measured(kind: TextEncoderKind) -> NoMatchResult:
        texts = texts_of(model, kind)
        return measure_no_match(
            pictures, texts, learn_from=lessons, levels_V=levels_V, silent=silent, seed=seed
        )

    result = measured(text_encoder)
    if save:
        kinds: tuple[TextEncoderKind, ...] = ("contextual", "static")
        for kind in kinds if model.has_static_text else kinds[:1]:
            fitted = result.calibration if kind == text_encoder else measured(kind).calibration
            save_calibration(record.folder, fitted, model_id=model.model_id, text_encoder=kind)
    if as_json:
        print_json(result, model, text_encoder, pictures)
    else:
        click.echo(_as_text(result, f"{model.model_id} ({text_encoder} texts)"))


def _as_text(result: NoMatchResult, model: str) -> str:
    rows = [["every hit counts", "", *_cells(result.unlimited)]]
    for rate, errors in result.calibrated.items():
        rows.append(["calibrated", f"{rate:.0%}", *_cells(errors)])
        rows.append(["flat cut-off", f"{rate:.0%}", *_cells(result.flat[rate])])
    headings = ["", "allowed", "false matches", "missed", "found and right"]
    counts = (
        f"{result.num_absent} searches for absent and {result.num_present} for present things "
        f"({result.num_things} things, {result.num_pictures:,} pictures), model {model}"
    )
    return f"{render_table(headings, rows, right=(1, 2, 3, 4))}\n\n{counts}"


def _cells(errors: ErrorRates) -> list[str]:
    return [f"{share:.1f}%" for share in (errors.false_matches, errors.missed, errors.right)]
