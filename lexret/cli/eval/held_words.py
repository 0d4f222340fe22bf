"""``lexret eval held-words``: whether the words that pictures are held to show are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import computation_options, json_option, render_table
from lexret.cli.eval.options import batch_size_option, eval_model_option, progress_bars

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.eval.control.held_words import HeldWords, JudgedPictures
    from lexret.eval.retrieval.encoding import Progress

_NUM_SHOWN = 12


@click.command("held-words")
@click.argument(
    "sources", metavar="SOURCE...", shell_complete=complete_file, nargs=-1, required=True
)
@click.option("--save", is_flag=True,
              help="Learn the words' levels from all sources together and keep them in the model's "
              "folder, before anything is measured.")  # fmt: skip
@eval_model_option
@batch_size_option
@json_option
@computation_options
def command(
    sources: tuple[str, ...],
    save: bool,
    model_source: str,
    batch_size: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Compare the words that pictures hold with what is known of the pictures.

    A picture holds a word where the word's weight reaches the word's level; `+word`, `-word` and
    `lexret tag` go by that. Each SOURCE is pictures with captions, whose lines may list
    "objects", or a folder of pictures with masks. Of the 60 things that are outlined most often,
    recall is the share of the pictures with the thing that hold its word, precision the share of
    the pictures that hold the word which show the thing. A word is held too often by more than
    three times the share of pictures that it is true of, if that is more than 5%.

    \b
    Example:
      lexret eval held-words coco-masks
      lexret eval held-words train.jsonl more.jsonl --save --model ./my-model
    """
    from lexret.encoders import load_model
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.encoders.folder.word_levels import read_word_levels, save_word_levels
    from lexret.eval.control.annotated_pictures import check_source
    from lexret.eval.control.held_words import learn_levels, measure_held

    for source in sources:
        check_source(source)
    model, record = (
        load_model(model_source, computation=computation),
        read_record(find_model(model_source)),
    )
    with progress_bars() as tell:
        sets = [_open(source, model, batch_size, tell) for source in sources]
    if save:
        names = [Path(source).name for source in sources]
        save_word_levels(record, learn_levels(sets, len(model.vocabulary)), {"sources": names})
    levels_V = read_word_levels(record)
    measured = [
        (
            source,
            measure_held(pictures, None, model.vocabulary),
            None if levels_V is None else measure_held(pictures, levels_V, model.vocabulary),
        )
        for source, pictures in zip(sources, sets, strict=True)
    ]
    if as_json:
        values = [
            {
                "source": Path(source).name,
                "model": model.model_id,
                "every_weight": every.as_dict(),
                "held": None if held is None else held.as_dict(),
            }
            for source, every, held in measured
        ]
        click.echo(json.dumps(values, indent=2))
        return
    click.echo("\n\n".join(_as_text(Path(s).name, every, held) for s, every, held in measured))


def _open(source: str, model: LexicalModel, batch_size: int, tell: Progress) -> JudgedPictures:
    from lexret.captions.sources import open_captions
    from lexret.eval.control.annotated_pictures import masks_in
    from lexret.eval.control.held_words import JudgedPictures
    from lexret.eval.control.word_truth import truth_of_captions, truth_of_masks
    from lexret.eval.retrieval.encoding import encode_pictures

    masked = masks_in(Path(source))
    if masked is not None:
        truth = truth_of_masks(masked, model.vocabulary, source)
        read, count = masked.image, len(masked.items)
    else:
        captions = open_captions(source)
        truth = truth_of_captions(captions, model.vocabulary, source)
        read, count = captions.image, len(captions)
    vectors = encode_pictures(read, count, model.images, batch_size, tell)
    return JudgedPictures.of(vectors, truth)


def _as_text(name: str, every: HeldWords, held: HeldWords | None) -> str:
    rows = [["every weight", *_cells(every)]]
    if held is not None:
        rows.append(["at its level", *_cells(held)])
    headings = ["held", "recall", "precision", "words a picture", "held too often"]
    table = render_table(headings, rows, right=(1, 2, 3, 4))
    often = (every if held is None else held).too_often[:_NUM_SHOWN]
    named = f"\nheld too often: {', '.join(often)}" if often else ""
    return f"{name}: {every.num_pictures:,} pictures, {len(every.things)} things\n{table}{named}"


def _cells(found: HeldWords) -> list[str]:
    return [
        f"{found.recall:.1f}%",
        f"{found.precision:.1f}%",
        f"{found.held_a_picture:.1f}",
        f"{len(found.too_often)}",
    ]
