"""What rebuilding gains from each part: short runs, one thing changed at a time, three seeds each.

    python training/ablate_rebuild.py --train captions.jsonl --dev dev.jsonl \
        --prepared PREPARED --features FEATURES -o runs/rebuild-ablations

The networks are small and the runs short: compare rows of one table, not with anything else. A run
that was measured before is not trained again, one that was cut off goes on; seeds come one after
the other, so that a table of one seed is whole first. Prints Markdown tables at the end;
`--tables` prints them from what was measured and trains nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.config.rebuild import RebuildConfig
from lexret.config.recipes import merged
from lexret.config.values import validated
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.eval.rebuild.measure import RebuildMeter, entries_in_use, evenly_chosen
from lexret.eval.rebuild.mixed import measure_mixed
from lexret.files.whole import replace_file
from lexret.rebuild.choice import TokenChoice, rebuild_pictures
from lexret.rebuild.folder import load_rebuild_model
from lexret.rebuild.prepared import PreparedPictures, prepared_pictures
from lexret.training.rebuild.learner import RebuildLosses
from lexret.training.rebuild.loop import train_rebuild

SEEDS = (0, 1, 2)
CELLS = TokenChoice(cells=True)
SIDE = 32
PREPARED_SIDE = 64
# Small and short: thirty-nine runs take some half an hour on one core of a CPU with AMX.
BASE: dict[str, Any] = {
    "network": {
        "side": SIDE,
        "widths": [64, 128],
        "blocks": 1,
        "cells": {"free_steps": 60, "ramp_steps": 60},
        "words": {"use": False, "budgets": [21]},
    },
    "loss": {"perceptual": 0.3, "perceptual_every": 3, "perceptual_pictures": 16},
    "train": {"steps": 240, "batch_size": 16, "lr": 2e-3, "warmup_steps": 20, "ema_decay": 0.98,
              "save_every": 240},
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Run of one configuration, and what of its tokens is measured."""

    changes: Mapping[str, Any]
    choices: tuple[TokenChoice, ...]
    mixed: tuple[int, ...] = ()


def _network(**changes: Any) -> dict[str, Any]:
    return {"network": changes}


def _text(grid: int, text: str) -> Row:
    choices = (
        (CELLS,)
        if text == "none"
        else tuple(TokenChoice(cells=True, text=kind) for kind in ("own", "shuffled", "none"))
    )
    return Row(_network(cells={"grid": grid}, text=text), choices)


def _soft(num_tokens: int, tail_drop: bool) -> Row:
    counts = [n for n in (1, 4, 16) if n <= num_tokens] if tail_drop else [num_tokens]
    changes = _network(
        cells={"drop": 1.0}, soft={"num_tokens": num_tokens, "tail_drop": tail_drop,
                                   "query_weight": 0.1},
    )  # fmt: skip
    return Row(changes, tuple(TokenChoice(soft=n) for n in counts), tuple(counts))


ROWS: dict[str, Row] = {
    "projected": Row({}, (CELLS, TokenChoice(cells=True, others=True))),
    "raw": Row(_network(cells={"codebook": "raw"}), (CELLS,)),
    "learnt": Row(_network(cells={"codebook": "learnt"}), (CELLS,)),
    "with words": Row(
        _network(words={"use": True, "budgets": [21]}),
        (TokenChoice(words=21, cells=True), CELLS, TokenChoice(words=21)),
    ),
    "text 64": _text(8, "captions"),
    "text 16": _text(4, "captions"),
    "none 16": _text(4, "none"),
    "text 4": _text(2, "captions"),
    "none 4": _text(2, "none"),
    "soft 16, tail dropped": _soft(16, True),
    "soft 1": _soft(1, False),
    "soft 4": _soft(4, False),
    "soft 16": _soft(16, False),
}


@click.command()
@click.option("--train", "train_files", required=True, multiple=True, help="Captions files.")
@click.option("--dev", "dev_file", required=True, help="Captions file to measure on.")
@click.option("--prepared", required=True, help="Folder of prepared pictures.")
@click.option("--features", required=True, help="Folder of cached features.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="Rows to run.")
@click.option("--pictures", default=150, show_default=True, help="Measure so many.")
@click.option("--threads", default=1, show_default=True)
@click.option("--steps", type=click.IntRange(1), help="Train so many, instead of 240.")
@click.option("--again", is_flag=True, help="Measure again what is trained.")
@click.option("--tables", is_flag=True, help="Print the tables of what was measured.")
def main(
    train_files: tuple[str, ...],
    dev_file: str,
    prepared: str,
    features: str,
    output: Path,
    only: tuple[str, ...],
    pictures: int,
    threads: int,
    steps: int | None,
    again: bool,
    tables: bool,
) -> None:
    """Train and measure the rows, and print them as Markdown tables."""
    torch.set_num_threads(threads)
    data = {"train": list(train_files), "prepared": prepared, "feature_cache": features,
            "prepared_side": PREPARED_SIDE}  # fmt: skip
    if not tables:
        bench = _Bench(dev_file, data, pictures, steps)
        for seed in SEEDS:
            for name in only or ROWS:
                bench.run(name, seed, output, again=again)
    click.echo(as_tables(read_measured(output)))


class _Silent:
    def features(self, name: str, done: int, total: int) -> None: ...

    def rebuilt(self, step: int, num_steps: int, losses: RebuildLosses) -> None: ...


class _Bench:
    """Everything that the runs share, loaded once."""

    def __init__(
        self, dev_file: str, data: dict[str, Any], num_pictures: int, steps: int | None
    ) -> None:
        self.data = data
        self.train = {} if steps is None else {"steps": steps, "save_every": steps}
        self.lexical: LexicalModel = load_model("mini")
        self.captions: CaptionSet = open_captions(dev_file)
        cache = Path(data["feature_cache"])
        prepared = prepared_pictures(
            self.captions,
            self.lexical,
            Path(data["prepared"]),
            side=PREPARED_SIDE,
            feature_cache=cache,
        )
        self.dev: PreparedPictures = prepared.reduced(SIDE)
        self.meter = RebuildMeter(self.captions, self.lexical, self.dev.pixels, feature_cache=cache)
        self.rows = evenly_chosen(len(self.captions), num_pictures)

    def run(self, name: str, seed: int, output: Path, *, again: bool) -> None:
        place = output / f"{''.join(c if c.isalnum() else '-' for c in name)}.{seed}"
        file = place / "measured.json"
        if file.is_file() and not again:
            return
        row = ROWS[name]
        own = {"data": self.data, "train": {"seed": seed, **self.train}}
        values = merged(merged(BASE, row.changes), own)
        config = validated(RebuildConfig, values, name)
        outcome = train_rebuild(config, place, _Silent())
        measured = {"row": name, "seed": seed, **self.measure(outcome.model, row)}
        replace_file(file, (json.dumps(measured, indent=2) + "\n").encode())
        click.echo(f"{name}, seed {seed}: {json.dumps(measured['figures'])}", err=True)

    def measure(self, folder: Path, row: Row) -> dict[str, Any]:
        model = load_rebuild_model(folder, self.lexical)
        chosen = self.dev.rows(self.rows)
        figures = {}
        for choice in row.choices:
            rebuilt = rebuild_pictures(model, chosen, choice)
            found = self.meter.measure(rebuilt.pixels, self.rows).as_dict()
            figures[choice.name] = {**found, "entries": entries_in_use([rebuilt.entries])}
        mixed = {
            str(n): measure_mixed(
                model, self.lexical, self.captions, self.dev, self.meter.index, num_soft=n
            )
            for n in row.mixed
        }
        return {"figures": figures, "mixed": mixed}


def read_measured(output: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Read what was measured, by row and seed."""
    found = [json.loads(file.read_text(encoding="utf-8"))
             for file in sorted(output.glob("*/measured.json"))]  # fmt: skip
    return {(measured["row"], measured["seed"]): measured for measured in found}


def as_tables(measured: Mapping[tuple[str, int], Mapping[str, Any]]) -> str:
    """Return a Markdown table of rebuilt pictures and one of mixed queries: means over the seeds.

    After a mean stand the least and the most of the seeds.
    """
    seeds = sorted({seed for _, seed in measured})
    lines = [f"{len(measured)} runs, seeds {', '.join(map(str, seeds))}", "",
             "| row | tokens | PSNR, dB | distance | own entry in ten, % | its rank "
             "| own caption in ten, % | its rank | entries in use |",
             "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    names = ("psnr", "distance", "own_entry_10", "own_entry_rank", "own_caption_10",
             "own_caption_rank", "entries")  # fmt: skip
    digits = (2, 3, 1, 0, 1, 0, 0)
    for name, row in ROWS.items():
        for choice in row.choices:
            found = [measured[name, seed]["figures"][choice.name]
                     for seed in seeds if (name, seed) in measured]  # fmt: skip
            if found:
                cells = [
                    spread([each[key] for each in found], digit)
                    for key, digit in zip(names, digits, strict=True)
                ]
                lines.append("| " + " | ".join([name, choice.name, *cells]) + " |")
    return "\n".join([*lines, "", *_mixed_lines(measured, seeds)])


def _mixed_lines(
    measured: Mapping[tuple[str, int], Mapping[str, Any]], seeds: Sequence[int]
) -> list[str]:
    lines = ["| row | soft tokens | query | right of the first ten, % |", "|---|---|---|---|"]
    for name, row in ROWS.items():
        for count in row.mixed:
            found = [measured[name, seed]["mixed"][str(count)]
                     for seed in seeds if (name, seed) in measured]  # fmt: skip
            for kind in found[0] if found else ():
                if kind != "queries":
                    value = spread([each[kind] for each in found], 1)
                    lines.append(f"| {name} | {count} | {kind} | {value} |")
    return lines


def spread(values: Sequence[float], digits: int) -> str:
    """Return the mean of values, and in brackets the least and the most of several."""
    form: Callable[[float], str] = lambda value: f"{value:.{digits}f}"  # noqa: E731
    mean = form(float(np.mean(values)))
    return mean if len(values) == 1 else f"{mean} ({form(min(values))}-{form(max(values))})"


if __name__ == "__main__":
    main()
