"""``lexret duplicates``: find pictures that an index holds twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_folder
from lexret.cli.common import (
    indexes_option,
    json_option,
    near_path,
    open_chosen_libraries,
    path_text,
    plural,
    print_json,
    print_paths,
    render_table,
)

if TYPE_CHECKING:
    from lexret.library.duplicates import DuplicateGroup


@click.command("duplicates")
@click.argument("index_argument", metavar="[INDEX]", required=False, shell_complete=complete_folder,
                type=click.Path(path_type=Path))  # fmt: skip
@indexes_option
@click.option("--near", type=click.FloatRange(0, 1, min_open=True), metavar="COSINE",
              help="Find pictures of nearly the same words too: vectors of at least this cosine, "
              "such as 0.95.")  # fmt: skip
@click.option("--paths", "only_paths", is_flag=True,
              help="Print only the paths of the extra pictures, of each group all but the first; "
              "without -0, one that holds a line break is left out and named on stderr, and the "
              "exit status is 2.")  # fmt: skip
@click.option("-0", "--null", "with_nulls", is_flag=True,
              help="With --paths: end each with a null byte, as for xargs -0.")  # fmt: skip
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    index_argument: Path | None,
    index_paths: tuple[Path, ...],
    near: float | None,
    only_paths: bool,
    with_nulls: bool,
    as_json: bool,
) -> None:
    """List groups of pictures that are there twice, by what the index knows of them.

    Without --near, those whose files hold the same bytes. In each group, the one to keep is the
    first: that of the most pixels; of equals the largest file, then the oldest, then the one of
    the shortest path. The exit status is 1 if there are none.

    \b
    Example:
      lexret duplicates
      lexret duplicates ./images --near 0.95 --json
      lexret duplicates --paths -0 | xargs -0 ls -l
    """
    if index_argument is not None and index_paths:
        raise click.UsageError("The index is named twice; leave INDEX or --index away.")
    if only_paths and as_json:
        raise click.UsageError("--paths and --json do not go together.")
    if with_nulls and not only_paths:
        raise click.UsageError("-0 is for --paths.")
    library = open_chosen_libraries(index_paths if index_argument is None else (index_argument,))
    groups = library.duplicates(near=near)
    is_whole = True
    if as_json:
        print_json(_as_json(groups, near))
    elif only_paths:
        extra = [near_path(duplicate.path) for group in groups for duplicate in group.extra]
        is_whole = print_paths(extra, null=with_nulls)
    elif groups:
        click.echo(_as_text(groups, near))
    if not groups:
        what = "have the same content" if near is None else f"have a cosine of {near} or more"
        click.echo(f"No two pictures among {len(library):,} {what}.", err=True)
        ctx.exit(1)
    if not is_whole:
        ctx.exit(2)


def _extra(groups: Sequence[DuplicateGroup]) -> tuple[int, int]:
    """Return how many pictures are extra, and the bytes of their files."""
    extra = [duplicate for group in groups for duplicate in group.extra]
    return len(extra), sum(duplicate.picture.size for duplicate in extra)


def _as_json(groups: Sequence[DuplicateGroup], near: float | None) -> dict[str, object]:
    num_extra, extra_bytes = _extra(groups)
    listed = [
        [
            {
                "path": path_text(near_path(duplicate.path)),
                "size": duplicate.picture.size,
                "width": duplicate.picture.width,
                "height": duplicate.picture.height,
                "sha256": duplicate.picture.sha256,
                "similarity": duplicate.similarity,
            }
            for duplicate in group.pictures
        ]
        for group in groups
    ]
    return {
        "near": near,
        "groups": listed,
        "extra_pictures": num_extra,
        "extra_bytes": extra_bytes,
    }


def _as_text(groups: Sequence[DuplicateGroup], near: float | None) -> str:
    rows = []
    for number, group in enumerate(groups, start=1):
        for duplicate in group.pictures:
            picture = duplicate.picture
            cells = [str(number), f"{picture.width} x {picture.height}", f"{picture.size:,}"]
            cells += [] if near is None else [f"{duplicate.similarity:.4f}"]
            rows.append([*cells, near_path(duplicate.path)])
    headings = ["group", "pixels", "bytes", *([] if near is None else ["cosine"]), "path"]
    num_extra, extra_bytes = _extra(groups)
    table = render_table(headings, rows, right=range(len(headings) - 1))
    return (
        f"{table}\n{plural(len(groups), 'group')}; {plural(num_extra, 'picture')} "
        f"({extra_bytes:,} bytes) beside the first of each"
    )
