"""``lexret tag``: write the words of pictures into their files, as keywords."""

from __future__ import annotations

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
    printable,
)

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex
    from lexret.pictures.keywords import KeywordChange


@click.command("tag")
@click.argument("pictures", nargs=-1, metavar="[PICTURE]...")
@index_option
@click.option("-k", "k", type=click.IntRange(1, 100), default=8, show_default=True,
              help="At most so many words a picture.")  # fmt: skip
@click.option("--above", type=click.FloatRange(0, 1000), default=0.1, show_default=True,
              help="Only words with more than this weight.")  # fmt: skip
@click.option("--write", is_flag=True, help="Change the files; without it they are only listed.")
@click.option("--remove", is_flag=True, help="Take back the keywords that lexret wrote.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    pictures: tuple[str, ...],
    index_path: Path | None,
    k: int,
    above: float,
    write: bool,
    remove: bool,
    as_json: bool,
) -> None:
    """Write the strongest words of pictures of an index into their files, as keywords (XMP/IPTC).

    Without --write nothing is changed: what would be is shown. Without PICTURE, all pictures of
    the index are meant. JPEG and PNG files hold the keywords themselves, for other formats a file
    NAME.xmp is written; pixels are never touched, nor are keywords of yours. Keywords that lexret
    wrote before are replaced. --remove takes them back, and the metadata with them where nothing
    else is left in it. Corrected and muted words are respected. As the files change,
    `lexret index` encodes them again. The exit status is 1 if there was nothing to change.

    \b
    Example:
      lexret tag
      lexret tag photo.jpg -k 5 --write
      lexret tag --remove --write
    """
    from lexret.errors import ImageError, MissingError
    from lexret.library.folders import picture_path, picture_root
    from lexret.library.lookup import document_named
    from lexret.pictures.keywords import plan_keywords, write_keywords

    index = open_chosen_index(index_path)
    base = picture_root(index.manifest, index.path)
    ids = [document_named(index, picture) for picture in pictures] or index.doc_ids()
    num_changed, num_failed = 0, 0
    for doc_id in ids:
        words = [] if remove else _words(index, doc_id, k=k, above=above)
        try:
            change = plan_keywords(picture_path(base, doc_id), words)
        except (ImageError, MissingError) as error:
            click.echo(printable(f"Left as it is: {error}"), err=True)
            num_failed += 1
            continue
        if not change.is_one:
            continue
        num_changed += 1
        if write:
            write_keywords(change)
        if as_json:
            print_json(_as_json(change), indent=None)
        else:
            click.echo(_as_text(change))
    done = "changed" if write else "would change; nothing was written, --write does it"
    click.echo(f"{plural(num_changed, 'file')} {done}.", err=True)
    if num_failed:
        click.echo(f"{plural(num_failed, 'picture')} could not be read.", err=True)
    ctx.exit(0 if num_changed else 1)


def _words(index: EmbeddedIndex, doc_id: str, *, k: int, above: float) -> list[str]:
    return [word.word for word in index.vector(doc_id).words(k) if word.weight > above]


def _as_json(change: KeywordChange) -> dict[str, object]:
    path = path_text(near_path(change.path))
    return {"path": path, "before": change.before, "after": change.after}


def _as_text(change: KeywordChange) -> str:
    added = [f"+{keyword}" for keyword in change.after if keyword not in change.before]
    gone = [f"-{keyword}" for keyword in change.before if keyword not in change.after]
    return printable(f"{near_path(change.path)}: {', '.join([*added, *gone])}")
