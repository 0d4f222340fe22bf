"""``lexret eval runs``: measure TREC run files, and test one against another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexret.cli.common import json_option, render_table
from lexret.cli.eval.options import seed_option

if TYPE_CHECKING:
    from lexret.eval.intervals import Difference
    from lexret.eval.retrieval.measures import QueryFigures

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("runs")
@click.argument("qrels_path", metavar="QRELS", type=_FILE)
@click.argument("run_path", metavar="RUN", type=_FILE)
@click.argument("other_path", metavar="[OTHER_RUN]", type=_FILE, required=False)
@seed_option
@json_option
def command(
    qrels_path: Path, run_path: Path, other_path: Path | None, seed: int, as_json: bool
) -> None:
    """Measure a TREC run of any system against qrels; with a second run, test the difference.

    R@k is trec_eval's success_k, mAP its map. Equal scores are ordered as trec_eval orders them.
    Intervals are 95% bootstrap intervals; the p value is two-sided, of a paired randomisation
    test over groups of queries with the same answers (the captions of one picture).

    QRELS may be eccv:text_to_image or eccv:image_to_text, the extended positives of COCO's
    Karpathy test split, where the package eccv_caption is installed; the run's ids are then
    COCO's.

    \b
    Example:
      lexret eval runs a/text_to_image.qrels a/text_to_image.run
      lexret eval runs a/text_to_image.qrels a/text_to_image.run b/text_to_image.run --json
      lexret eval runs eccv:text_to_image a/text_to_image.run
    """
    from lexret.eval.retrieval.eccv import read_eccv_or_qrels
    from lexret.eval.retrieval.measures import compare_runs, measure_run
    from lexret.eval.retrieval.trec import read_run

    qrels, run = read_eccv_or_qrels(str(qrels_path)), read_run(run_path)
    figures = measure_run(qrels, run)
    values: dict[str, Any] = {"num_queries": len(figures.queries), **_values(figures, seed)}
    differences: dict[str, Difference] = {}
    if other_path is not None:
        other = read_run(other_path)
        values["other"] = _values(measure_run(qrels, other), seed)
        differences = compare_runs(qrels, run, other, seed=seed)
        values["differences"] = {
            name: difference.as_dict() for name, difference in differences.items()
        }
    click.echo(json.dumps(values, indent=2) if as_json else _as_text(values, differences))


def _values(figures: QueryFigures, seed: int) -> dict[str, Any]:
    intervals = {
        name: interval.as_list() for name, interval in figures.intervals(seed=seed).items()
    }
    return {**figures.as_dict(), "intervals": intervals}


def _as_text(values: dict[str, Any], differences: dict[str, Difference]) -> str:
    headings, rows = ["", "run", "95% interval"], []
    if differences:
        headings += ["other run", "difference", "95% interval", "p"]
    for name, (low, high) in values["intervals"].items():
        row = [name, f"{values[name]:.2f}", f"{low:.2f} to {high:.2f}"]
        if differences:
            difference = differences[name]
            bounds = f"{difference.interval.low:+.2f} to {difference.interval.high:+.2f}"
            row += [
                f"{difference.second:.2f}",
                f"{difference.second - difference.first:+.2f}",
                bounds,
            ]
            row.append(f"{difference.p_value:.4f}")
        rows.append(row)
    table = render_table(headings, rows, right=tuple(range(1, len(headings))))
    median = values["median_rank"]
    shown = "beyond the run" if median is None else f"{median:g}"
    count = f"{values['num_queries']:,} " + ("query" if values["num_queries"] == 1 else "queries")
    return f"{table}\n\n{count}, median rank {shown}"
