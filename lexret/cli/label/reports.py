"""How commands tell what a label was learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lexret.cli.common import path_text, print_json, printable, render_table

if TYPE_CHECKING:
    from lexret.library.labelling.reports import LabelReport

NONE_SHOWN = "(none of these)"


def print_report(report: LabelReport, *, as_json: bool) -> None:
    """Print what a label was learnt from, how well it knows that, and by which words."""
    label = report.label
    if as_json:
        print_json(_as_json(report))
        return
    rows = [
        [
            each.name or NONE_SHOWN,
            f"{each.num_examples:,}",
            f"{each.num_right} of {each.num_tried}" if each.num_tried else "-",
            f"{each.num_sure} of {each.num_tried}" if each.num_tried else "-",
            ", ".join(word.word for word in each.words),
        ]
        for each in report.classes
    ]
    headings = ["class", "examples", "right", "and sure", "words that tell it"]
    click.echo(render_table(headings, rows, right=(1, 2, 3)))
    if report.accuracy is None:
        click.echo("One example a class: how well they are told apart shows with a second one.")
    else:
        click.echo(
            f"Right: of the examples, each left out in turn, {100 * report.accuracy:.0f}% are put "
            f"into their class by the others. Sure: at least {label.at_least:.2f}, so that it is "
            "written; --at-least sets that."
        )
    for skipped in report.skipped:
        click.echo(printable(f"Skipped: {skipped.reason}"), err=True)


def _as_json(report: LabelReport) -> dict[str, object]:
    label = report.label
    return {
        "name": label.name,
        "field": label.field,
        "at_least": label.at_least,
        "model": label.model_id,
        "accuracy": report.accuracy,
        "classes": [
            {
                "name": each.name or None,
                "examples": each.num_examples,
                "left_out": each.num_tried,
                "right": each.num_right,
                "right_and_sure": each.num_sure,
                "words": {word.word: round(word.share, 4) for word in each.words},
            }
            for each in report.classes
        ],
        "examples": [
            {
                "class": example.class_name or None,
                "picture": path_text(example.name),
                "given_as": path_text(example.source),
            }
            for example in label.examples
        ],
        "skipped": [
            {"picture": path_text(one.name), "reason": one.reason} for one in report.skipped
        ],
    }
