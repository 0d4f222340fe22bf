"""``lexret label apply``: write the classes of pictures into the index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import (
    index_option,
    json_option,
    open_chosen_library,
    path_text,
    plural,
    print_json,
    render_table,
)
from lexret.cli.label.reports import NONE_SHOWN

if TYPE_CHECKING:
    from lexret.library.labelling.reports import ApplyReport

_WORDS_SHOWN = 3


@click.command("apply")
@click.argument("name")
@click.option("--dry-run", is_flag=True,
              help="Write nothing; show what each picture would get, and the words that "
              "decide.")  # fmt: skip
@click.option("-k", "k", type=click.IntRange(1), default=10, show_default=True,
              help="With --dry-run: show so many pictures of each class.")  # fmt: skip
@click.option("--at-least", type=click.FloatRange(0, 1), metavar="SURE",
              help="How sure a class must be; by default as the label was trained.")  # fmt: skip
@click.option("--overwrite", is_flag=True,
              help="Replace what people put into the field as well.")  # fmt: skip
@index_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    dry_run: bool,
    k: int,
    at_least: float | None,
    overwrite: bool,
    index_path: Path | None,
    as_json: bool,
) -> None:
    """Write the classes of the label NAME into a field of all pictures of the index.

    It takes no picture file: the index's words are enough. A picture gets a class if that is sure
    enough, else none; an example always gets its own. What people put into the field stays. Give
    it again for pictures that came into the index since: `lexret index` says when. The exit status
    is 1 if no picture has a class then.

    \b
    Example:
      lexret label apply scans --dry-run
      lexret label apply scans --at-least 0.8
      lexret search "label:invoice date:2024.."
    """
    library = open_chosen_library(index_path)
    labels = library.labels
    if dry_run:
        report = labels.preview(name, at_least=at_least, overwrite=overwrite)
    else:
        report = labels.apply(name, at_least=at_least, overwrite=overwrite)
    field = labels.all()[name].field
    if as_json:
        print_json(_as_json(report, field, dry_run=dry_run))
    else:
        click.echo(_as_text(report, field, k=k, dry_run=dry_run))
    if not any(count for class_name, count in report.counts.items() if class_name):
        ctx.exit(1)


def _as_json(report: ApplyReport, field: str, *, dry_run: bool) -> dict[str, object]:
    values: dict[str, object] = {
        "field": field,
        "counts": {name: count for name, count in report.counts.items() if name},
        "none": report.counts.get("", 0),
        "changed": report.num_changed,
        "by_hand": report.num_by_hand,
    }
    if dry_run:
        values["pictures"] = [
            {
                "id": path_text(one.doc_id),
                "class": one.class_name or None,
                "sure": round(one.sure, 4),
                "before": one.before,
                "words": {word.word: round(word.share, 4) for word in one.words},
            }
            for one in report.pictures
        ]
    return values


def _as_text(report: ApplyReport, field: str, *, k: int, dry_run: bool) -> str:
    parts = []
    if dry_run and report.pictures:
        parts.append(_table(report, k))
    counts = [f"{field}:{name} {count:,}" for name, count in report.counts.items() if name]
    done = "would change" if dry_run else "changed"
    by_hand = f", {report.num_by_hand:,} left as people set them" if report.num_by_hand else ""
    parts.append(
        f"{', '.join(counts)}; none of these: {report.counts.get('', 0):,}. "
        f"{plural(report.num_changed, 'picture')} {done}{by_hand}."
    )
    return "\n".join(parts)


def _table(report: ApplyReport, k: int) -> str:
    rows = []
    shown: dict[str, int] = {}
    for one in report.pictures:
        shown[one.class_name] = shown.get(one.class_name, 0) + 1
        if shown[one.class_name] > k:
            continue
        words = ", ".join(f"{w.word} {w.share:.2f}" for w in one.words[:_WORDS_SHOWN])
        was = "" if (one.before or "") == one.class_name else f" (was {one.before or 'none'})"
        rows.append(
            [
                (one.class_name or NONE_SHOWN) + was,
                f"{one.sure:.2f}",
                one.doc_id,
                words or ("an example" if one.sure == 1.0 else ""),
            ]
        )
    table = render_table(["class", "sure", "picture", "words that decide"], rows, right=(1,))
    more = len(report.pictures) - len(rows)
    return table + (f"\n... and {more:,} more; -k shows more of each class" if more else "")
