"""``lexret duplicates``: find pictures that an index holds twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import (
    index_option,
    json_option,
    near_path,
    open_chosen_index,
    path_text,
    plural,
    print_json,
    print_paths,
    render_table,
)

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex
    from lexret.library.duplicates import DuplicateGroup


@click.command("duplicates")
@click.argument("index_argument", metavar="[INDEX]", required=False,
                type=click.Path(path_type=Path))  # fmt: skip
@index_option
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
    index_path: Path | None,
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
    from lexret.library.duplicates import nearly_same, same_content

    if index_argument is not None and index_path is not None:
        raise click.UsageError("The index is named twice; leave INDEX or --index away.")
    if only_paths and as_json:
        raise click.UsageError("--paths and --json do not go together.")
    if with_nulls and not only_paths:
        raise click.UsageError("-0 is for --paths.")
    index = open_chosen_index(index_argument or index_path)
    groups = same_content(index) if near is None else nearly_same(index, min_cosine=near)
    is_whole = True
    if as_json:
        print_json(_as_json(index, groups, near))
    elif only_paths:
        extra = [one.doc_id for group in groups for one in group.extra]
        is_whole = print_paths([_path(index, one) for one in extra], null=with_nulls)
    elif groups:
        click.echo(_as_text(index, groups, near))
    if not groups:
        what = "have the same content" if near is None else f"have a cosine of {near} or more"
        click.echo(f"No two pictures among {len(index):,} {what}.", err=True)
        ctx.exit(1)
    if not is_whole:
        ctx.exit(2)


def _path(index: EmbeddedIndex, doc_id: str) -> str:
    from lexret.library.folders import picture_path, picture_root

    return near_path(picture_path(picture_root(index.manifest, index.path), doc_id))


def _extra(groups: Sequence[DuplicateGroup]) -> tuple[int, int]:
    """Return how many pictures are extra, and the bytes of their files."""
    extra = [one for group in groups for one in group.extra]
    return len(extra), sum(one.picture.size for one in extra)


def _as_json(
    index: EmbeddedIndex, groups: Sequence[DuplicateGroup], near: float | None
) -> dict[str, object]:
    num_extra, extra_bytes = _extra(groups)
    listed = [
        [
            {
                "path": path_text(_path(index, one.doc_id)),
                "size": one.picture.size,
                "width": one.picture.width,
                "height": one.picture.height,
                "sha256": one.picture.sha256,
                "similarity": one.similarity,
            }
            for one in group.pictures
        ]
        for group in groups
    ]
    return {
        "near": near,
        "groups": listed,
        "extra_pictures": num_extra,
        "extra_bytes": extra_bytes,
    }


def _as_text(index: EmbeddedIndex, groups: Sequence[DuplicateGroup], near: float | None) -> str:
    rows = []
    for number, group in enumerate(groups, start=1):
        for one in group.pictures:
            picture = one.picture
            cells = [str(number), f"{picture.width} x {picture.height}", f"{picture.size:,}"]
            cells += [] if near is None else [f"{one.similarity:.4f}"]
            rows.append([*cells, _path(index, one.doc_id)])
    headings = ["group", "pixels", "bytes", *([] if near is None else ["cosine"]), "path"]
    num_extra, extra_bytes = _extra(groups)
    table = render_table(headings, rows, right=range(len(headings) - 1))
    return (
        f"{table}\n{plural(len(groups), 'group')}; {plural(num_extra, 'picture')} "
        f"({extra_bytes:,} bytes) beside the first of each"
    )
