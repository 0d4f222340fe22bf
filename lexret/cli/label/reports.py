"""How commands tell what a label was learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lexret.cli.common import path_text, plural, print_json, printable, render_table

if TYPE_CHECKING:
    from lexret.library.labelling.reports import LabelReport

NONE_SHOWN = "(none of these)"
_NAMES_SAID = {
    ("counts", "hardly fits"): "made of words of the vocabulary, so the name counts as evidence "
    "beside the examples. --no-names leaves names out.",
    ("hardly fits",): "the examples hardly fit the name. If it means something else here, more "
    "examples or --no-names keep it from misleading.",
    ("does not fit",): "the name does not count, as the examples do not fit it.",
}


def print_report(report: LabelReport, *, as_json: bool, with_examples: bool) -> None:
    """Print what a label was learnt from, how well it knows that, and by which words.

    Args:
        with_examples: list them all, and not only how many there are.
    """
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
        click.echo(
            "No class has two examples, so how well classes are distinguished cannot be "
            "estimated yet."
        )
    else:
        click.echo(
            f"Right: of the examples, each left out in turn, {100 * report.accuracy:.0f}% are put "
            f"into their class by the others. Sure: at least {label.at_least:.2f}, so that it is "
            "written; --at-least sets that."
        )
    for line in _names_told(report):
        click.echo(printable(line))
    if with_examples:
        click.echo(_listed(report))
    for skipped in report.skipped:
        click.echo(printable(f"Skipped: {skipped.reason}"), err=True)


def _names_told(report: LabelReport) -> list[str]:
    """Say which names of classes count as evidence, and which do not though they are known."""
    lines = []
    for uses, said in _NAMES_SAID.items():
        found = [each.name for each in report.classes if each.name_use in uses]
        if found:
            lines.append(f"{', '.join(map(repr, found))}: {said}")
    return lines


def _listed(report: LabelReport) -> str:
    """Return the examples below what gave them."""
    by_source: dict[tuple[str, str], list[str]] = {}
    for each in report.label.examples:
        by_source.setdefault((each.class_name, each.source), []).append(each.name)
    lines = []
    for (class_name, source), names in by_source.items():
        gave = "" if names == [source] else f", {plural(len(names), 'picture')}"
        lines.append(printable(f"{class_name or NONE_SHOWN} by {source}{gave}:"))
        lines += [printable(f"  {name}") for name in names]
    return "\n".join(lines)


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
                "name_use": each.name_use if each.name else None,
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
