"""``lexret explain``: draw what a picture says, as a whole and in parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.candidates import complete_words
from lexret.cli.common import (
    DEFAULT_MODEL,
    computation_options,
    force_option,
    indexes_option,
    model_option,
    near_path,
    print_notes,
    printable,
    progress_line,
    text_encoder_option,
)
from lexret.cli.search.question import parse_box_option

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.encoders.folder.record import ModelRecord
    from lexret.encoders.protocol import PatchGrid
    from lexret.explain.explanation import HitExplanation, PictureExplanation, TextQuery
    from lexret.library.model_encoders import ModelEncoders, TextEncoderKind
    from lexret.pictures.boxes import Box
    from lexret.pictures.packed import PictureFile

PATCH_FORM: Final = "ROW,COL"
BOX_FORM: Final = "X,Y,W,H"
WORDS_SHOWN: Final = 8
MAX_REGIONS: Final = 24


def _parse_patches(_ctx: object, _param: object, values: tuple[str, ...]) -> list[tuple[int, int]]:
    """Read ``row,col``, whole numbers, of each value."""
    patches = []
    for value in values:
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*", value)
        if found is None:
            raise click.BadParameter(f"{value!r}; expected whole numbers from 0 as {PATCH_FORM}.")
        patches.append((int(found[1]), int(found[2])))
    return patches


def _parse_boxes(ctx: object, param: object, values: tuple[str, ...]) -> list[Box]:
    boxes = (parse_box_option(ctx, param, value) for value in values)
    return [box for box in boxes if box is not None]


@click.command("explain")
@click.argument("image", metavar="IMAGE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where to write; made if not there.",
)
@click.option(
    "--patch",
    "patches",
    multiple=True,
    metavar=PATCH_FORM,
    callback=_parse_patches,
    help="A patch to look at, counted from 0 at the upper left (repeatable).",
)
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar=BOX_FORM,
    callback=_parse_boxes,
    help="A box to look at: left, top, width, height, in pixels of the upright picture "
    "(repeatable).",
)
@click.option("--mask", "mask_files", multiple=True, metavar="FILE",
              type=click.Path(path_type=Path),
              help="A part to look at: a picture of the same shape, white there, else black "
              "(repeatable).")  # fmt: skip
@click.option("--parts", "num_parts", type=click.IntRange(2, MAX_REGIONS),
              help="Cut the picture into so many parts that each say their own.")  # fmt: skip
@click.option("--query", metavar="QUERY", shell_complete=complete_words,
              help="Also show how the picture scores for a query.")  # fmt: skip
@text_encoder_option
@click.option("-k", "k", type=click.IntRange(1, 120), default=40, show_default=True,
              help="At most so many words in a cloud.")  # fmt: skip
@click.option("--dark", is_flag=True, help="Draw on dark ground.")
@force_option
@indexes_option
@model_option
@computation_options
def command(
    image: Path,
    folder: Path,
    patches: list[tuple[int, int]],
    boxes: list[Box],
    mask_files: tuple[Path, ...],
    num_parts: int | None,
    query: str | None,
    text_encoder: TextEncoderKind | None,
    k: int,
    dark: bool,
    force: bool,
    index_paths: tuple[Path, ...],
    model_source: str | None,
    computation: Computation,
) -> None:
    """Draw what the picture IMAGE says, as a whole and in parts.

    Written are: summary.png (everything in one figure), words.png (a word cloud of the whole),
    overlay.png (where the parts are), a word cloud of each part, and explanation.json (all the
    numbers); summary.svg and words.svg, whose words are links into report.html, a page that
    needs nothing beside it. Without --patch, --box, --mask and --parts, the parts are the
    picture's own most telling patches. With --query there are also query.png and query.svg: what
    each word of the text adds to the score, where in the picture it is, and the patches that
    answer the text best. With --index, or where there is no such file, IMAGE is a picture of the
    index by its id, such as one that lies in a tar shard; the index's model looks at it.

    \b
    Example:
      lexret explain photo.jpg -o out/
      lexret explain photo.jpg -o out/ --patch 2,5 --box 0,0,200,150
      lexret explain photo.jpg -o out/ --parts 4 --query "a dog on a beach"
      lexret explain photo.jpg -o out/ --mask sky.png
      lexret explain 00012.tar/000120345 -o out/ --index ./index
    """
    from lexret.errors import InputError
    from lexret.explain.drawing.palette import DARK, LIGHT
    from lexret.explain.explanation import explain_picture
    from lexret.explain.patches.regions import check_regions
    from lexret.explain.report import check_folder, check_no_other_files, write_report
    from lexret.pictures.boxes import corners_of
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_picture

    num_regions = len(patches) + len(boxes) + len(mask_files) + (num_parts or 0)
    if num_regions > MAX_REGIONS:
        raise InputError(
            f"{num_regions} patches, boxes, masks and parts were given; expected at most "
            f"{MAX_REGIONS}. Explain the picture in several runs."
        )
    # What can be wrong is looked at before the model is loaded, which takes seconds.
    check_folder(folder)
    if not force:
        check_no_other_files(folder)
    file, open_encoders = _subject(image, index_paths, model_source, computation)
    masks = [open_picture(path).image for path in mask_files]
    # Read as `lexret index` reads it, so that both see the same picture and give one score.
    picture = open_picture(file, min_side=ENCODING_MIN_SIDE)
    size = (picture.width, picture.height)
    _check_boxes(boxes, size)
    corners = [corners_of(box) for box in boxes]
    encoders = open_encoders()
    check_regions(_grid(encoders.record), size, patches=patches, boxes=corners, masks=masks)
    with progress_line() as say:
        say("Loading the model")
        text = None if query is None else _text_query(query, encoders, text_encoder)
        images = encoders.images()
        say("Looking at the picture")
        explanation = explain_picture(
            picture.image,
            images,
            name=str(image),
            size=size,
            patches=patches,
            boxes=corners,
            masks=masks,
            num_parts=num_parts or 0,
            num_words=k,
            query=text,
            levels_V=encoders.levels_V(),
        )
        say("Drawing")
        paths = write_report(picture.image, explanation, folder, theme=DARK if dark else LIGHT)
    click.echo(_as_text(explanation))
    click.echo("\n".join(printable(near_path(path.resolve())) for path in paths))


def _subject(
    image: Path,
    index_paths: tuple[Path, ...],
    model_source: str | None,
    computation: Computation,
) -> tuple[PictureFile, Callable[[], ModelEncoders]]:
    """Return what holds the picture, and what opens the encoders of its index, or of the model."""
    from lexret.cli.indexed_picture import indexed_picture
    from lexret.pictures.presence import require_picture

    indexed = indexed_picture(image, index_paths, model_source, computation)
    if indexed is not None:
        library, snapshot = indexed.library, indexed.snapshot
        return snapshot.picture_of(indexed.doc_id), lambda: library.encoders(snapshot)
    require_picture(image)
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.library.model_encoders import ModelEncoders

    source = model_source or DEFAULT_MODEL
    return image, lambda: ModelEncoders(read_record(find_model(source)), computation)


def _check_boxes(boxes: Iterable[Box], size: tuple[int, int]) -> None:
    """Raise InputError for a box that does not lie in the picture, above all for corners."""
    from lexret.errors import InputError
    from lexret.pictures.boxes import check_box, format_box

    for box in boxes:
        try:
            check_box(box, size)
        except InputError as error:
            x0, y0, x1, y1 = box
            if not (x0 < x1 <= size[0] and y0 < y1 <= size[1]):
                raise
            meant = format_box((x0, y0, x1 - x0, y1 - y0))
            raise InputError(
                f"{error} Corners x0,y0,x1,y1, which --box took here before, are written "
                f"--box {meant} now, as in `lexret search`."
            ) from error


def _grid(record: ModelRecord) -> PatchGrid:
    """Return how the model's patches lie over any picture, from its configuration."""
    from lexret.encoders.protocol import PatchGrid

    config = record.config().image
    side = config.image_size // config.stride
    return PatchGrid(side, side)


def _text_query(query: str, encoders: ModelEncoders, kind: TextEncoderKind | None) -> TextQuery:
    """Return what a text asks for, in the query language."""
    from lexret.explain.explanation import TextQuery
    from lexret.library.asking.meaning import understand_text
    from lexret.sparse import LexicalVector

    vocabulary = encoders.record.vocabulary()

    def encode(text: str) -> LexicalVector:
        return encoders.texts(kind, vocabulary=vocabulary).encode_queries([text]).row(0)

    meaning = understand_text(query, vocabulary, encode)
    print_notes(meaning.notes)
    return TextQuery(query, meaning.query)


def _as_text(explanation: PictureExplanation) -> str:
    lines = [f"words: {_join([seen.word for seen in explanation.words])}"]
    for region in explanation.regions:
        said = _join([word.word for word in region.words]) or "(no word)"
        lines.append(f"{region.number}. {region.name}: {said}")
    if explanation.hit is not None:
        lines += _hit_lines(explanation.hit)
    return "\n".join(printable(line) for line in lines)


def _hit_lines(hit: HitExplanation) -> list[str]:
    contributions = [matched.contribution for matched in hit.matched]
    products = _join([f"{shared.word} {shared.product:.4f}" for shared in contributions])
    return [
        f"score for {hit.query!r}: {hit.score:.4f}" + (f" = {products}" if products else ""),
        f"missing: {_join([word.word for word in hit.missing]) or '(nothing)'}",
    ]


def _join(texts: Sequence[str]) -> str:
    more = len(texts) - WORDS_SHOWN
    return ", ".join(texts[:WORDS_SHOWN]) + (f", +{more}" if more > 0 else "")
