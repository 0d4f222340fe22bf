"""``lexret explain``: draw what a picture says, as a whole and in parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import (
    chosen_text_encoder,
    near_path,
    picture_model_option,
    print_notes,
    printable,
    progress_line,
    text_encoder_option,
)

if TYPE_CHECKING:
    from lexret.cli.common import TextEncoderKind
    from lexret.encoders.folder.record import ModelRecord
    from lexret.encoders.protocol import Encoder, PatchGrid
    from lexret.explain.explanation import HitExplanation, PictureExplanation, TextQuery

PATCH_FORM: Final = "ROW,COL"
BOX_FORM: Final = "X0,Y0,X1,Y1"
WORDS_SHOWN: Final = 8
MAX_REGIONS: Final = 24


def _numbers(form: str) -> Callable[[object, object, tuple[str, ...]], list[tuple[int, ...]]]:
    """Return a callback that reads whole numbers with commas between them, as many as in form."""

    def parse(_ctx: object, _param: object, values: tuple[str, ...]) -> list[tuple[int, ...]]:
        parsed = []
        for value in values:
            parts = [part.strip() for part in value.split(",")]
            numeric = all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts)
            if len(parts) != len(form.split(",")) or not numeric:
                raise click.BadParameter(f"{value!r}; expected whole numbers from 0 as {form}.")
            parsed.append(tuple(int(part) for part in parts))
        return parsed

    return parse


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
    callback=_numbers(PATCH_FORM),
    help="A patch to look at, counted from 0 at the upper left (repeatable).",
)
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar=BOX_FORM,
    callback=_numbers(BOX_FORM),
    help="A box to look at, in pixels of the upright picture (repeatable).",
)
@click.option("--mask", "mask_files", multiple=True, metavar="FILE",
              type=click.Path(path_type=Path),
              help="A part to look at: a picture of the same shape, white there, else black "
              "(repeatable).")  # fmt: skip
@click.option("--parts", "num_parts", type=click.IntRange(2, MAX_REGIONS),
              help="Cut the picture into so many parts that each say their own.")  # fmt: skip
@click.option("--query", metavar="TEXT", help="Also show how the picture scores for a text.")
@text_encoder_option
@click.option("-k", "k", type=click.IntRange(1, 120), default=40, show_default=True,
              help="At most so many words in a cloud.")  # fmt: skip
@click.option("--dark", is_flag=True, help="Draw on dark ground.")
@picture_model_option
def command(
    image: Path,
    folder: Path,
    patches: list[tuple[int, int]],
    boxes: list[tuple[int, int, int, int]],
    mask_files: tuple[Path, ...],
    num_parts: int | None,
    query: str | None,
    text_encoder: TextEncoderKind | None,
    k: int,
    dark: bool,
    model_source: str,
) -> None:
    """Draw what the picture IMAGE says, as a whole and in parts.

    Written are: summary.png (everything in one figure), words.png (a word cloud of the whole),
    overlay.png (where the parts are), a word cloud of each part, and explanation.json (all the
    numbers); summary.svg and words.svg, whose words are links into report.html, a page that
    needs nothing beside it. Without --patch, --box, --mask and --parts, the parts are the
    picture's own most telling patches. With --query there are also query.png and query.svg: what
    each word of the text adds to the score, where in the picture it is, and the patches that
    answer the text best.

    \b
    Example:
      lexret explain photo.jpg -o out/
      lexret explain photo.jpg -o out/ --patch 2,5 --box 0,0,200,150
      lexret explain photo.jpg -o out/ --parts 4 --query "a dog on a beach"
      lexret explain photo.jpg -o out/ --mask sky.png
    """
    from lexret.encoders import load_model
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.errors import InputError
    from lexret.explain.explanation import explain_picture
    from lexret.explain.palette import DARK, LIGHT
    from lexret.explain.regions import check_regions
    from lexret.explain.report import check_folder, write_report
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_picture

    num_regions = len(patches) + len(boxes) + len(mask_files) + (num_parts or 0)
    if num_regions > MAX_REGIONS:
        raise InputError(
            f"{num_regions} patches, boxes, masks and parts were given; expected at most "
            f"{MAX_REGIONS}. Explain the picture in several runs."
        )
    # What can be wrong is looked at before the model is loaded, which takes seconds.
    check_folder(folder)
    masks = [open_picture(path).image for path in mask_files]
    # Read as `lexret index` reads it, so that both see the same picture and give one score.
    picture = open_picture(image, min_side=ENCODING_MIN_SIDE)
    size = (picture.width, picture.height)
    record = read_record(find_model(model_source))
    check_regions(_grid(record), size, patches=patches, boxes=boxes, masks=masks)
    query, static = (None, None) if query is None else _texts(query, record, text_encoder)
    with progress_line() as say:
        say("Loading the model")
        model = load_model(record.folder)
        images = model.images
        text = None if query is None else _text_query(query, static or model.texts)
        say("Looking at the picture")
        explanation = explain_picture(
            picture.image,
            images,
            name=str(image),
            size=size,
            patches=patches,
            boxes=boxes,
            masks=masks,
            num_parts=num_parts or 0,
            num_words=k,
            query=text,
        )
        say("Drawing")
        paths = write_report(picture.image, explanation, folder, theme=DARK if dark else LIGHT)
    click.echo(_as_text(explanation))
    click.echo("\n".join(printable(near_path(path.resolve())) for path in paths))


def _grid(record: ModelRecord) -> PatchGrid:
    """Return how the model's patches lie over any picture, from its configuration."""
    from lexret.encoders.protocol import PatchGrid

    config = record.config().image
    side = config.image_size // config.stride
    return PatchGrid(side, side)


def _texts(
    query: str, record: ModelRecord, kind: TextEncoderKind | None
) -> tuple[str, Encoder[str] | None]:
    """Read a text; return it, and what encodes it where that is the table that needs no model."""
    from lexret.encoders.text.static_encoder import static_text_of
    from lexret.library.reading import read_plain_text

    vocabulary = record.vocabulary()
    is_static = chosen_text_encoder(kind, has_static=record.has_static_text) == "static"
    read = read_plain_text(query, vocabulary, reads_pieces=lambda: not is_static)
    print_notes(read.notes)
    return read.text, static_text_of(record, vocabulary=vocabulary) if is_static else None


def _text_query(query: str, texts: Encoder[str]) -> TextQuery:
    from lexret.explain.explanation import TextQuery

    return TextQuery(query, texts.encode([query]).row(0))


def _as_text(explanation: PictureExplanation) -> str:
    lines = [f"words: {_join([one.word for one in explanation.words])}"]
    for region in explanation.regions:
        said = _join([one.word for one in region.words]) or "(no word)"
        lines.append(f"{region.number}. {region.name}: {said}")
    if explanation.hit is not None:
        lines += _hit_lines(explanation.hit)
    return "\n".join(printable(line) for line in lines)


def _hit_lines(hit: HitExplanation) -> list[str]:
    contributions = [one.contribution for one in hit.matched]
    products = _join([f"{one.word} {one.product:.4f}" for one in contributions])
    return [
        f"score for {hit.query!r}: {hit.score:.4f}" + (f" = {products}" if products else ""),
        f"missing: {_join([one.word for one in hit.missing]) or '(nothing)'}",
    ]


def _join(texts: list[str]) -> str:
    more = len(texts) - WORDS_SHOWN
    return ", ".join(texts[:WORDS_SHOWN]) + (f", +{more}" if more > 0 else "")
