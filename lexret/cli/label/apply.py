"""``lexret label apply``: write the classes of pictures into the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from lexret.cli.common import (
    index_option,
    json_option,
    open_chosen_library,
    path_text,
    plural,
    print_json,
    printable,
    render_table,
)
from lexret.cli.label.reports import NONE_SHOWN

if TYPE_CHECKING:
    from lexret.library.labelling.reports import ApplyReport, FewReach, LabelledPicture

_WORDS_SHOWN = 3


@click.command("apply")
@click.argument("name")
@click.option("--dry-run", is_flag=True,
              help="Write nothing; show what each picture would get, and the words that "
              "decide.")  # fmt: skip
@click.option("-k", "k", type=click.IntRange(1), default=10, show_default=True,
              help="With --dry-run: show so many pictures of each class; where fewer are sure "
              "enough, the nearest of the others as well.")  # fmt: skip
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
    enough, else none; an example always gets its own. What people put into the field stays. Where
    few pictures are sure enough, the answer says how many a lower --at-least would add, and
    --dry-run shows the nearest: give those that are right as further examples. Give the command
    again for pictures that came into the index since: `lexret index` says when. The exit status is
    1 if no picture has a class then.

    \b
    Example:
      lexret label apply scans --dry-run
      lexret label apply scans --at-least 0.8
      lexret search "label:invoice date:2024.."
    """
    library = open_chosen_library(index_path)
    labels = library.labels
    if dry_run:
        report = labels.preview(name, at_least=at_least, overwrite=overwrite, num_near=k)
    else:
        report = labels.apply(name, at_least=at_least, overwrite=overwrite)
    label = labels.all()[name]
    if as_json:
        print_json(_as_json(report, label.field, dry_run=dry_run))
    else:
        click.echo(_as_text(report, label.field, k=k, dry_run=dry_run))
        for line in _few_told(report.few(), label.name, dry_run=dry_run):
            click.echo(printable(line))
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
    values["reach"] = {
        name: [{"at_least": reach.at_least, "pictures": reach.num} for reach in levels]
        for name, levels in report.reach.items()
    }
    if dry_run:
        values["pictures"] = [_picture_as_json(one) for one in report.pictures]
        values["near"] = [_picture_as_json(one) for one in report.near]
    return values


def _picture_as_json(picture: LabelledPicture) -> dict[str, object]:
    return {
        "id": path_text(picture.doc_id),
        "class": picture.class_name or None,
        "sure": round(picture.sure, 4),
        "before": picture.before,
        "words": {word.word: round(word.share, 4) for word in picture.words},
    }


def _as_text(report: ApplyReport, field: str, *, k: int, dry_run: bool) -> str:
    parts = []
    if dry_run and report.pictures:
        parts.append(_table(report, k))
    if dry_run and (near := _near_enough(report, k)):
        parts.append(
            "Not sure enough, and not labelled; the nearest:\n" + _rows(near, is_near=True)
        )
    counts = [f"{field}:{name} {count:,}" for name, count in report.counts.items() if name]
    done = "would change" if dry_run else "changed"
    by_hand = f", {report.num_by_hand:,} left as people set them" if report.num_by_hand else ""
    parts.append(
        f"{', '.join(counts)}; none of these: {report.counts.get('', 0):,}. "
        f"{plural(report.num_changed, 'picture')} {done}{by_hand}."
    )
    return "\n".join(parts)


def _table(report: ApplyReport, k: int) -> str:
    shown: Counter[str] = Counter()
    pictures = []
    for one in report.pictures:
        shown[one.class_name] += 1
        if shown[one.class_name] <= k:
            pictures.append(one)
    more = len(report.pictures) - len(pictures)
    return _rows(pictures) + (
        f"\n... and {more:,} more; -k shows more of each class" if more else ""
    )


def _near_enough(report: ApplyReport, k: int) -> list[LabelledPicture]:
    """Return so many pictures below the level that each class has k with those above it."""
    free = {name: k - levels[0].num for name, levels in report.reach.items()}
    shown: Counter[str] = Counter()
    near = []
    for one in report.near:
        shown[one.class_name] += 1
        if shown[one.class_name] <= free[one.class_name]:
            near.append(one)
    return near


def _rows(pictures: Sequence[LabelledPicture], *, is_near: bool = False) -> str:
    rows = []
    for one in pictures:
        words = ", ".join(f"{w.word} {w.share:.2f}" for w in one.words[:_WORDS_SHOWN])
        changes = one.before if is_near else one.before or "none"
        was = f" (was {changes})" if changes and (one.before or "") != one.class_name else ""
        rows.append(
            [
                (one.class_name or NONE_SHOWN) + was,
                f"{one.sure:.2f}",
                one.doc_id,
                words or ("an example" if one.sure == 1.0 else ""),
            ]
        )
    return render_table(["class", "sure", "picture", "words that decide"], rows, right=(1,))


def _few_told(few: Sequence[FewReach], label: str, *, dry_run: bool) -> Iterator[str]:
    """Say how many pictures are sure enough of classes, and how many a lower level would add."""
    for each in few:
        is_are = "is" if each.asked.num == 1 else "are"
        told = (
            f"{each.class_name}: {plural(each.asked.num, 'picture')} besides the examples {is_are}"
        )
        more = ", ".join(f"{level.num:,} at {level.at_least:g}" for level in each.lower)
        lower = (
            f"; with a lower --at-least, {more}."
            if more
            else ", and a lower --at-least adds hardly any."
        )
        yield f"{told} {each.asked.at_least:g} sure{lower}"
    if few:
        where = "" if dry_run else "--dry-run shows the nearest. "
        yield (
            f"{where}Make the right ones examples: lexret label train {quote(label)} --add "
            f"--class {quote(few[0].class_name)}=PICTURE"
        )
