"""``lexret words``: the top words of one picture, on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lexret.cli.common import (
    DEFAULT_MODEL,
    indexes_option,
    json_option,
    model_option,
    path_text,
    print_json,
    printable,
    render_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexret.cli.indexed_picture import IndexedPicture
    from lexret.encoders.protocol import PatchEncoding
    from lexret.sparse import WordWeight

BAR_WIDTH: Final = 30


class WordsCommand(click.Command):
    """``lexret words IMAGE``, and ``lexret words edit IMAGE``; a file `edit` is ``./edit``."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Leave the call to ``edit`` where it is the first argument."""
        if args[:1] == ["edit"]:
            from lexret.cli.words_edit import command as edit

            return edit.make_context(f"{info_name} edit", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("words", cls=WordsCommand)
@click.argument("image", metavar="IMAGE", type=click.Path(path_type=Path))
@click.option("-k", "k", type=click.IntRange(min=1), default=20, show_default=True,
              help="At most so many words.")  # fmt: skip
@indexes_option
@model_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    image: Path,
    k: int,
    index_paths: tuple[Path, ...],
    model_source: str | None,
    as_json: bool,
) -> None:
    """Show the top words of the picture IMAGE, the surest first.

    A word that the picture holds, as `+word` and `lexret tag` understand it, has a bar of full
    blocks; a lighter bar says that it may be there as well. The last column is the patch where the
    model saw the word most: its row and column, from 0, in the grid that the model lays over the
    picture. The exit status is 1 if no word was found.

    With --index, or where there is no such file, IMAGE is a picture of the index by its id, such
    as one that lies in a tar shard: shown are the words that the index holds, corrected, without
    patches, and the picture is not opened. `lexret words edit` corrects them; see its --help.

    \b
    Example:
      lexret words photo.jpg
      lexret words photo.jpg -k 5 --json
      lexret words 00012.tar/000120345 --index ./index
      lexret words edit photo.jpg +lighthouse -rocket
    """
    from lexret.cli.indexed_picture import indexed_picture
    from lexret.pictures.presence import require_picture

    indexed = indexed_picture(image, index_paths, model_source)
    if indexed is not None:
        ctx.exit(_show_indexed(image, indexed, k, as_json=as_json))
    require_picture(image)
    model_source = model_source or DEFAULT_MODEL
    from lexret.encoders import load_model
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.encoders.folder.word_levels import read_word_levels
    from lexret.explain.sureness import surest_words
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

    photo = open_image(image, min_side=ENCODING_MIN_SIDE)
    model = load_model(model_source)
    (encoding,) = model.images.encode_patches([photo])
    levels_V = read_word_levels(read_record(find_model(model_source)))
    listed = surest_words(encoding.image, levels_V)[:k]
    if as_json:
        values = {"image": path_text(image), "model": model.model_id, **_as_json(encoding, listed)}
        print_json(values)
    elif len(encoding.image):
        click.echo(_table(encoding, listed))
    if not len(encoding.image):
        message = f"The model {model.model_id} finds no word in {image}."
        click.echo(printable(message), err=True)
        ctx.exit(1)


def _show_indexed(image: Path, picture: IndexedPicture, k: int, *, as_json: bool) -> int:
    """Show the words that an index holds of a picture; returns the exit status."""
    from lexret.explain.sureness import surest_words

    snapshot = picture.snapshot
    levels_V = picture.library.encoders(snapshot).levels_V()
    listed = surest_words(snapshot.index.vector(picture.doc_id), levels_V)[:k]
    if as_json:
        words = [{"word": w.word, "weight": w.weight, "held": held} for w, held in listed]
        values = {"image": path_text(image), "model": snapshot.index.model_id}
        print_json({**values, "index": path_text(snapshot.index.path), "words": words})
    elif listed:
        strongest = max(word.weight for word, _ in listed)
        rows = [_row(word, held, strongest) for word, held in listed]
        click.echo(render_table(["word", "weight", ""], rows, right=(1,)))
    if not listed:
        click.echo(printable(f"The index holds no word of {image}."), err=True)
    return 0 if listed else 1


def _row(word: WordWeight, held: bool, strongest: float) -> list[str]:
    block = "\u2588" if held else "\u2591"
    bar = block * max(1, round(BAR_WIDTH * word.weight / strongest))
    return [word.word, f"{word.weight:.4f}", bar.ljust(BAR_WIDTH)]


def _as_json(
    encoding: PatchEncoding, listed: Sequence[tuple[WordWeight, bool]]
) -> dict[str, object]:
    from lexret.explain.explanation import places_won

    places = places_won(encoding)
    return {
        "grid": {"rows": encoding.grid.num_rows, "cols": encoding.grid.num_cols},
        "words": [
            {"word": word.word, "weight": word.weight, "held": held,
             "patch": list(places[word.word])}
            for word, held in listed
        ],
    }  # fmt: skip


def _table(encoding: PatchEncoding, listed: Sequence[tuple[WordWeight, bool]]) -> str:
    from lexret.explain.explanation import places_won

    places = places_won(encoding)
    strongest = max(word.weight for word, _ in listed)
    rows = []
    for word, held in listed:
        row, col = places[word.word]
        rows.append([*_row(word, held, strongest), f"{row},{col}"])
    grid = encoding.grid
    last = f"patch of {grid.num_rows} x {grid.num_cols}"
    return render_table(["word", "weight", "", last], rows, right=(1,))
