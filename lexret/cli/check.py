"""``lexret check``: whether the files of an index are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import (
    chosen_index_path,
    json_option,
    near_path,
    path_text,
    plural,
    print_json,
    printable,
)

if TYPE_CHECKING:
    from lexret.library.integrity import LibraryCheck


@click.command("check")
@click.argument("index_path", metavar="[INDEX]", required=False, type=click.Path(path_type=Path))
@click.option("--index", "named", type=click.Path(path_type=Path), metavar="PATH",
              help="The same as INDEX.")  # fmt: skip
@json_option
@click.pass_context
def command(ctx: click.Context, index_path: Path | None, named: Path | None, as_json: bool) -> None:
    """Read every file of an index and compare it with its checksums.

    INDEX is an index folder, or the folder of pictures that holds it; without it, .lexret in this
    folder or one above it. Nothing is changed.

    Vectors that are in Milvus are counted there.

    The exit status is 0 if everything is whole, 1 if something is damaged, and 2 if there is no
    index, or one of another version, or Milvus lacks vectors.

    \b
    Example:
      lexret check
      lexret check ./images
    """
    from lexret.library.integrity import check_library

    place = chosen_index_path(index_path or named)
    found = check_library(place)
    shown = near_path(place.resolve())
    if as_json:
        print_json(_as_json(found, shown))
    else:
        click.echo(printable_lines(_as_text(found, shown)))
    ctx.exit(0 if found.report.is_whole else 1)


def printable_lines(lines: list[str]) -> str:
    """Return some lines for a terminal, in which file names do no harm."""
    return "\n".join(map(printable, lines))


def _what_to_do(found: LibraryCheck) -> str:
    if not found.report.is_whole:
        return (
            "`lexret repair` saves what is whole (with --dry-run it says what that is); then "
            "`lexret index` encodes the pictures that are missing."
        )
    if found.num_waiting:
        return (
            f"`lexret index` encodes the {plural(found.num_waiting, 'picture')} that wait for it."
        )
    return ""


def _as_text(found: LibraryCheck, shown: str) -> list[str]:
    report = found.report
    if report.is_whole:
        lines = [
            f"The index at {shown} is whole: {plural(report.num_documents, 'picture')}, "
            f"{plural(report.num_segments, 'segment')}, {report.num_bytes:,} bytes read, "
            f"commit {report.generation}."
        ]
        if found.vectors_in:
            lines.append(f"Its vectors are all there, in {found.vectors_in}.")
        if found.num_waiting:
            waiting = plural(found.num_waiting, "picture")
            lines.append(f"Since a repair, {waiting} can not be found by words.")
    else:
        lines = [f"The index at {shown} is damaged:"]
        for finding in report.findings:
            lines += [f"  {finding.file}: {finding.found}", f"    ({finding.meaning})"]
    if found.thumbnail_bytes:
        lines.append(
            f"Beside it, {found.thumbnail_bytes:,} bytes of thumbnails (thumbnails.sqlite), which "
            "`lexret serve` makes anew where they are removed."
        )
    todo = _what_to_do(found)
    return [*lines, f"What to do: {todo}"] if todo else lines


def _as_json(found: LibraryCheck, shown: str) -> dict[str, object]:
    report = found.report
    return {
        "index": path_text(shown),
        "whole": report.is_whole,
        "commit": report.generation,
        "pictures": report.num_documents,
        "segments": report.num_segments,
        "bytes": report.num_bytes,
        "waiting": found.num_waiting,
        "thumbnail_bytes": found.thumbnail_bytes,
        **({"vectors_in": path_text(found.vectors_in)} if found.vectors_in else {}),
        "damage": [
            {
                "file": path_text(finding.file),
                "found": finding.found,
                "touches": finding.meaning,
                "segment": finding.segment,
            }
            for finding in report.findings
        ],
        "what_to_do": _what_to_do(found),
    }
