"""``lexret merge``: make one index of several."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.candidates import complete_folder
from lexret.cli.common import (
    json_option,
    near_path,
    path_text,
    plural,
    print_json,
    printable,
)


@click.command("merge")
@click.argument("indexes", nargs=-1, required=True, metavar="INDEX...",
                shell_complete=complete_folder, type=click.Path(path_type=Path))  # fmt: skip
@click.option("-o", "--output", required=True, metavar="PATH", type=click.Path(path_type=Path),
              help="Where the new index shall lie; at the place of one of the INDEXes it "
              "replaces that.")  # fmt: skip
@click.option("--allow-missing", is_flag=True,
              help="Merge shards although some are missing; `lexret index` makes up for "
              "them.")  # fmt: skip
@json_option
def command(indexes: tuple[Path, ...], output: Path, allow_missing: bool, as_json: bool) -> None:
    """Make one index of several of the same model, without encoding anything.

    An INDEX is an index folder, the folder of pictures that holds it, or a folder of shards. The
    new index holds all of their folders, pictures and fields; `lexret index --index PATH` brings
    it up to date. A picture that several hold is taken from the one that saw its file last changed.
    Shards, of `lexret index --shard`, become the index that is made at once; one that is missing
    is named.

    \b
    Example:
      lexret merge ./images /mnt/archive -o ./all
      lexret merge ./images/.lexret-shards -o ./all
      lexret search "a dog" --index ./all
    """
    from lexret.library.folders import index_within
    from lexret.library.updating.merging import merge_indexes

    report = merge_indexes(indexes, index_within(output), allow_missing=allow_missing)
    roots = [near_path(root) for root in report.roots]
    place = near_path(index_within(output).resolve())
    if as_json:
        values = {
            "index": path_text(place),
            "pictures": report.num_documents,
            "shared": report.num_shared,
            "carried": report.num_carried,
            "roots": [path_text(root) for root in roots],
        }
        print_json(values)
        return
    shared = f" ({report.num_shared:,} were in several)" if report.num_shared else ""
    told = f"{plural(report.num_documents, 'picture')} in {place}{shared}"
    told += ", of:" if roots else "; it names no folder."
    click.echo(printable(told))
    for root in roots:
        click.echo(printable(f"  {root}"))
    if report.num_carried:
        moved = plural(report.num_carried, "picture")
        click.echo(f"{moved} had moved between the indexes and got their fields back.")
