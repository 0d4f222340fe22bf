"""``lexret tag``: write the words of pictures into their files, as keywords."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_file
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
    from lexret.sparse import FloatArray


@click.command("tag")
@click.argument("pictures", nargs=-1, metavar="[PICTURE]...", shell_complete=complete_file)
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
    """Write the words that pictures of an index hold into their files, as keywords (XMP/IPTC).

    Without --write nothing is changed: what would be is shown. Without PICTURE, all pictures of
    the index are meant. JPEG and PNG files hold the keywords themselves, for other formats a file
    NAME.xmp does; nothing else is touched, nor are keywords of yours. Keywords that lexret wrote
    before are replaced. --remove takes them back, byte for byte. Corrected and muted words are
    respected. As the files change, `lexret index` encodes them again. The exit status is 1 if there
    was nothing to change, and 2 if a file was left alone because of a fault, which is named.

    \b
    Example:
      lexret tag
      lexret tag photo.jpg -k 5 --write
      lexret tag --remove --write
    """
    from lexret.library.folders import picture_path, picture_root
    from lexret.library.lookup import document_named
    from lexret.library.tagging import tag_pictures

    index = open_chosen_index(index_path)
    levels_V = None if remove else _levels(index)
    base = picture_root(index.manifest, index.path)
    ids = [document_named(index, picture) for picture in pictures] or index.doc_ids()
    if write:
        _mend([picture_path(base, doc_id) for doc_id in ids])
    num_changed, num_failed = 0, 0
    for tagged in tag_pictures(index, ids, levels_V, k=k, above=above, write=write, remove=remove):
        if tagged.error is not None:
            click.echo(printable(f"Left as it is: {tagged.error}"), err=True)
            num_failed += 1
        if tagged.change is None:
            continue
        change = tagged.change
        num_changed += 1
        if as_json:
            print_json(_as_json(change), indent=None)
        else:
            click.echo(_as_text(change))
    done = "changed" if write else "would change; nothing was written, --write does it"
    click.echo(f"{plural(num_changed, 'file')} {done}.", err=True)
    if num_failed:
        click.echo(f"{plural(num_failed, 'picture')} left alone, for the reasons above.", err=True)
    ctx.exit(2 if num_failed else 0 if num_changed else 1)


def _mend(pictures: list[Path]) -> None:
    """Put pictures back that were being written when a run was cut off, before others are read."""
    from lexret.errors import ImageError, StorageError
    from lexret.pictures.keywords import mend_picture

    for picture in pictures:
        try:
            if mend_picture(picture):
                text = f"{near_path(picture)}: writing it was cut off once; it is put back."
                click.echo(printable(text), err=True)
        except (ImageError, StorageError) as error:
            click.echo(printable(f"Left as it is: {error}"), err=True)


def _levels(index: EmbeddedIndex) -> FloatArray | None:
    """Return the levels of an index's words; None, and say so, where its model is not there."""
    from lexret.errors import MismatchError, MissingError
    from lexret.library.model import record_of_model
    from lexret.library.model_encoders import ModelEncoders

    try:
        return ModelEncoders(record_of_model(index)).levels_V()
    except (MissingError, MismatchError):
        click.echo(
            "Note: the model of this index is not there, so that words go by their weight alone.",
            err=True,
        )
        return None


def _as_json(change: KeywordChange) -> dict[str, object]:
    path = path_text(near_path(change.path))
    return {"path": path, "before": change.before, "after": change.after}


def _as_text(change: KeywordChange) -> str:
    added = [f"+{keyword}" for keyword in change.after if keyword not in change.before]
    gone = [f"-{keyword}" for keyword in change.before if keyword not in change.after]
    return printable(f"{near_path(change.path)}: {', '.join([*added, *gone])}")
