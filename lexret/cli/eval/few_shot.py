"""``lexret eval few-shot``: how well classes are told from a few examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import computation_options, json_option, render_table
from lexret.cli.eval.options import batch_size_option, eval_model_option, progress_bars
from lexret.cli.telling.subject import check_served, lm_option, open_told_model, served_option

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.eval.few_shot.measure import FewShot

_WORDS = (5, 21, 64, None)
_SHOTS = (1, 3, 5)


@click.command("few-shot")
@click.argument(
    "sources", metavar="SOURCE...", shell_complete=complete_file, nargs=-1, required=True
)
@click.option("--ways", type=click.IntRange(2), multiple=True, default=(2, 5), show_default=True,
              help="Classes to choose from.")  # fmt: skip
@click.option("--seeds", "num_seeds", type=click.IntRange(1), default=10, show_default=True,
              help="Draw 10 tasks for each of so many seeds.")  # fmt: skip
@lm_option
@served_option
@eval_model_option
@batch_size_option
@json_option
@computation_options
def command(
    sources: tuple[str, ...],
    ways: tuple[int, ...],
    num_seeds: int,
    lm: str | None,
    served: str | None,
    model_source: str,
    batch_size: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Tell classes apart from 1, 3 and 5 examples, by 5, 21, 64 and all words of each picture.

    Each SOURCE is pictures with captions, as for `lexret eval retrieval`, or with masks. A picture
    shows a class where at least half of its captions hold a word of it, or its mask. "label" is
    what `lexret label` does, "without names" the same with --no-names, "nearest mean" that without
    the index's mean, "by name" compares with the class's name and needs no example; with --lm, a
    language model reads the words. What the V2L Tokenizer's paper publishes for other pictures and
    with language models stands below.

    \b
    Example:
      lexret eval few-shot captions.jsonl
      lexret eval few-shot coco-masks --ways 5 --seeds 3 --json
    """
    from lexret.encoders import load_model
    from lexret.eval.control.annotated_pictures import check_source
    from lexret.eval.few_shot.classes import open_classes
    from lexret.eval.few_shot.measure import measure_few_shot
    from lexret.sparse import SparseBatch

    for source in sources:
        check_source(source)
    check_served(lm, served)
    language_model = None if lm is None else open_told_model(lm, served)
    model = load_model(model_source, computation=computation)
    measured = []
    for source in sources:
        with progress_bars() as tell:
            vectors, inventory = open_classes(source, model, batch_size=batch_size, progress=tell)
        known = [name for name in inventory.names if model.vocabulary.match(name)[0]]
        queries = model.texts.encode_queries(known) if known else None
        rows = dict(zip(known, queries or (), strict=True))
        empty = SparseBatch.from_words([{}], model.vocabulary).row(0)
        names = SparseBatch.from_vectors(
            [rows.get(name, empty) for name in inventory.names], model.vocabulary
        )
        found = measure_few_shot(
            vectors, inventory, names, ways=ways, shots=_SHOTS, words=_WORDS,
            num_seeds=num_seeds, language_model=language_model,
        )  # fmt: skip
        measured.append((Path(source).name, found))
    if as_json:
        values = [
            {"source": name, "model": model.model_id, "results": [each.as_dict() for each in found]}
            for name, found in measured
        ]
        click.echo(json.dumps(values, indent=2))
        return
    click.echo("\n\n".join(_as_text(name, found) for name, found in measured))
    click.echo(f"\n{_published(ways)}")


def _as_text(name: str, found: list[FewShot]) -> str:
    table: dict[tuple[int, int | None, str], dict[int, str]] = {}
    for each in found:
        row = table.setdefault((each.ways, each.words, each.method), {})
        half = 50 * (each.high - each.low)
        row[each.shots] = f"{100 * each.accuracy:.1f} ±{half:.1f}"
    rows = [
        [f"{ways}", f"{words or 'all'}", method, *(row.get(k, "-") for k in _SHOTS)]
        for (ways, words, method), row in table.items()
    ]
    headings = ["ways", "words", "method", *(f"{k}-shot" for k in _SHOTS)]
    return f"{name}\n{render_table(headings, rows, right=(0, 1, 3, 4, 5))}"


def _published(ways: tuple[int, ...]) -> str:
    from lexret.eval.few_shot.measure import PUBLISHED

    rows = [
        [f"{num_ways}", f"{words}", name, *(f"{value:.1f}" for value in values)]
        for (num_ways, words, name), values in PUBLISHED.items()
        if num_ways in ways
    ]
    headings = ["ways", "words", "language model", *(f"{k}-shot" for k in _SHOTS)]
    return "Published (V2L Tokenizer, Table 1, Mini-ImageNet)\n" + render_table(
        headings, rows, right=(0, 1, 3, 4, 5)
    )
