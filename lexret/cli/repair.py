"""``lexret repair``: save what is whole of a damaged index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.check import printable_lines
from lexret.cli.common import (
    chosen_index_path,
    json_option,
    model_option,
    near_path,
    path_text,
    plural,
    print_json,
)

if TYPE_CHECKING:
    from lexret.engine.integrity.repair_report import RepairReport

MAX_SHOWN: Final = 20


@click.command("repair")
@click.argument("index_path", metavar="[INDEX]", required=False, type=click.Path(path_type=Path))
@click.option("--index", "named", type=click.Path(path_type=Path), metavar="PATH",
              help="The same as INDEX.")  # fmt: skip
@model_option
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    index_path: Path | None,
    named: Path | None,
    model_source: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Save what is whole of a damaged index, and name what must be encoded again.

    INDEX is an index folder, or the folder of pictures that holds it; without it, .lexret in this
    folder or one above it. The next `lexret index` encodes what could not be saved. What is
    replaced is kept in the folder `damaged` of the index, which may be removed by hand.

    The exit status is 0 if the index is whole now and nothing was lost, 1 if something must be
    encoded again or is lost, and 2 if there is no index, or it cannot be written.

    \b
    Example:
      lexret repair --dry-run
      lexret repair ./images
    """
    from lexret.library.integrity import repair_library

    place = chosen_index_path(index_path or named)
    report = repair_library(place, model=model_source, dry_run=dry_run)
    shown = near_path(place.resolve())
    if as_json:
        print_json(_as_json(report, shown, dry_run=dry_run))
    else:
        click.echo(printable_lines(_as_text(report, shown, dry_run=dry_run)))
    ctx.exit(1 if report.lost_something else 0)


def _as_text(report: RepairReport, shown: str, *, dry_run: bool) -> list[str]:
    if report.before.is_whole:
        return [f"The index at {shown} is whole; nothing was done."]
    would = "would be " if dry_run else ""
    lines = []
    if report.restored:
        lines.append(f"Restored without loss: {', '.join(report.restored)}")
    if report.without_vector:
        lines.append(f"To be encoded again: {plural(len(report.without_vector), 'picture')}")
        lines += _some(report.without_vector)
    lines += _fields(report)
    if report.num_unnamed:
        lines.append(
            f"Lost with their names: {plural(report.num_unnamed, 'picture')}; `lexret index` finds "
            "their files as new ones, without fields that were given to them"
        )
    if report.num_revived:
        lines.append(
            f"Perhaps deleted before: {plural(report.num_revived, 'picture')}; `lexret index` "
            "takes those out whose files are gone"
        )
    lines += report.lost_additions
    lines.append(_outcome(report, shown, would))
    if report.aside is not None:
        lines.append(f"What was replaced is kept in {near_path(report.aside.resolve())}")
    return lines


def _fields(report: RepairReport) -> list[str]:
    """Say which fields are lost, and which the next run reads again."""
    from lexret.library.updating.records import INDEXED_FIELDS

    lines, read_again = [], set[str]()
    for name, ids in report.lost_fields.items():
        if name in INDEXED_FIELDS:
            read_again |= set(ids)
        else:
            lines.append(f"The field {name!r} is lost of {plural(len(ids), 'picture')}")
            lines += _some(ids)
    if read_again:
        lines.append(f"To be read again: {plural(len(read_again), 'file')}")
    return lines


def _outcome(report: RepairReport, shown: str, would: str) -> str:
    if not report.is_usable:
        return (
            f"Of the index at {shown} nothing {would or 'can be '}saved, as neither its manifest "
            "nor the copy of it can be read. Make it anew with "
            "`lexret index DIR`; corrections of words stay."
        )
    pictures = plural(report.num_documents, "picture")
    held = f"The index at {shown} {'would be' if would else 'is'} whole again and "
    held += f"{'hold' if would else 'holds'} {pictures}."
    if report.without_vector or report.num_unnamed or report.lost_fields or report.num_revived:
        held += " Then run `lexret index`." if would else " Now run `lexret index`."
    return held


def _some(ids: list[str]) -> list[str]:
    lines = [f"  {doc_id}" for doc_id in ids[:MAX_SHOWN]]
    more = len(ids) - MAX_SHOWN
    return [*lines, f"  ... and {more:,} more (see --json)"] if more > 0 else lines


def _as_json(report: RepairReport, shown: str, *, dry_run: bool) -> dict[str, object]:
    return {
        "index": path_text(shown),
        "dry_run": dry_run,
        "was_whole": report.before.is_whole,
        "usable": report.is_usable,
        "pictures": report.num_documents,
        "restored": report.restored,
        "to_encode": [path_text(doc_id) for doc_id in report.without_vector],
        "lost_fields": {
            name: [path_text(doc_id) for doc_id in ids] for name, ids in report.lost_fields.items()
        },
        "lost_with_their_names": report.num_unnamed,
        "perhaps_deleted_before": report.num_revived,
        "corrections": report.lost_additions,
        "kept_in": None if report.aside is None else path_text(near_path(report.aside.resolve())),
    }
