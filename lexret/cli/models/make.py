"""``lexret models make``: a lexical model from a two-tower model, without training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_folder, complete_vocabulary
from lexret.cli.common import (
    json_option,
    near_path,
    plural,
    print_json,
    print_notes,
    printable,
    progress_line,
)

if TYPE_CHECKING:
    from PIL import Image

    from lexret.encoders.towers.making import MadeModel


@click.command("make")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--from", "source", required=True, metavar="TOWERS",
              help="The two-tower model: open_clip:ARCHITECTURE/PRETRAINED, transformers:NAME, "
              "lexret:MODEL (that model's dense side), or a folder that open_clip or transformers "
              "saved.")  # fmt: skip
@click.option("--vocabulary", "vocabulary_source", default="english-21k", show_default=True,
              metavar="VOCABULARY", shell_complete=complete_vocabulary,
              help="A shipped vocabulary's name, or a file with a word on "
              "each line.")  # fmt: skip
@click.option("--pictures", "pictures_folder", metavar="DIR",
              type=click.Path(exists=True, file_okay=False, path_type=Path),
              shell_complete=complete_folder,
              help="Learn from the pictures in DIR what pictures have in common; they need no "
              "captions. Best are some hundreds of those that you will search.")  # fmt: skip
@click.option("--most", type=click.IntRange(min=1), default=1000, show_default=True,
              help="At most so many of them.")  # fmt: skip
@click.option("--words", "num_words", type=click.IntRange(min=1), default=64, show_default=True,
              help="Words of a picture at most: 16 are a small index, more than 64 bring "
              "little.")  # fmt: skip
@click.option("--query-words", type=click.IntRange(min=1), metavar="N",
              help="Words of a text at most.  [default: nearly all of the vocabulary]")  # fmt: skip
@click.option("--active-words", type=click.IntRange(min=1), metavar="N",
              help="Let pictures and texts draw from so many words alone: those that --pictures "
              "use most, else the vocabulary's first. 4096 make queries five times as short at "
              "little cost.  [default: all]")  # fmt: skip
@click.option("--patches/--no-patches", default=True, show_default=True,
              help="Tell the patches of a picture apart, for heat maps and boxes.")  # fmt: skip
@click.option("--prompt", "prompts", multiple=True, metavar="TEXT",
              help="How a word is put to the text tower, with {word} in it; may be repeated.  "
              "[default: 'a photo of {word}.'; with lexret: '{word}']")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True,
              help="Pictures or words that go through a tower together.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, metavar="DEVICE",
              help="What the towers compute on: cpu, cuda, cuda:N, or auto: CUDA where there is "
              "any.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the model that FOLDER holds.")
@json_option
def command(
    folder: Path,
    source: str,
    vocabulary_source: str,
    pictures_folder: Path | None,
    most: int,
    num_words: int,
    query_words: int | None,
    active_words: int | None,
    patches: bool,
    prompts: tuple[str, ...],
    batch_size: int,
    device: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make a lexical model of a two-tower model such as CLIP or SigLIP, without training.

    FOLDER becomes a model folder, for --model of every command. A picture's words are the few whose
    vectors add up to the picture's own; a text looks for the words that it is like, so that the
    index answers nearly as the two towers would. The towers stay where they are and are needed to
    encode. Needs the packages of lexret[train], for open_clip those of lexret[clip]. See
    docs/models.md.

    \b
    Example:
      lexret models make my-clip --from open_clip:ViT-B-32/laion2b_s34b_b79k
      lexret models make my-siglip --from transformers:google/siglip2-base-patch16-256
      lexret models make my-clip --from ./clip-folder --pictures photos --words 16
      lexret index photos --model my-clip
    """
    from lexret.encoders.folder.record import META_FILE, check_model_folder
    from lexret.encoders.tower_source import parse_source
    from lexret.encoders.train_packages import needs_training_packages
    from lexret.errors import InputError
    from lexret.vocabularies.sources import open_vocabulary

    parse_source(source)  # what is wrong with it is said before torch is loaded
    check_model_folder(folder)
    if (folder / META_FILE).exists() and not overwrite:
        raise InputError(
            f"{folder} holds a model already. Name another folder, or replace it by --overwrite."
        )
    vocabulary = open_vocabulary(vocabulary_source)
    paths = _pictures_below(pictures_folder, most)
    try:
        from lexret.encoders.towers.making import MakingSettings, make_model
    except ModuleNotFoundError as error:
        raise needs_training_packages("Making a model of two towers", error) from error
    skipped: list[str] = []
    with progress_line() as show:
        show("loading the towers")
        made = make_model(
            folder,
            source,
            vocabulary,
            vocabulary_name=Path(vocabulary_source).name,
            pictures=_readable(paths, skipped),
            settings=MakingSettings(
                num_words=num_words,
                query_words=query_words,
                active_words=active_words,
                patches=patches,
                prompts=prompts,
                batch_size=batch_size,
            ),
            device=device,
            progress=lambda what, done, total: show(
                f"{what}: {done:,}" + (f" of {total:,}" if total else "")
            ),
        )
    print_notes(skipped)
    _tell(made, as_json=as_json)


def _pictures_below(folder: Path | None, most: int) -> list[Path]:
    """Return at most so many picture files of a folder to learn from; none without a folder."""
    from lexret.errors import InputError
    from lexret.pictures.finding import find_images

    if folder is None:
        return []
    paths = list(islice(find_images(folder), most))
    if not paths:
        raise InputError(f"There is no picture in {folder} to learn from.")
    return paths


def _tell(made: MadeModel, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "folder": near_path(made.folder.resolve()),
                "model_id": made.model_id,
                "source": made.source,
                "num_words": made.num_words,
                "num_pictures": made.num_pictures,
                "patches_a_side": made.patches_a_side,
            }
        )
        return
    patches_told = f"{made.patches_a_side} x {made.patches_a_side} patches"
    click.echo(
        f"{printable(near_path(made.folder.resolve()))}: {made.model_id}, of {made.source}; "
        f"{plural(made.num_words, 'word')}, "
        f"{patches_told if made.patches_a_side > 1 else 'whole pictures'}, learnt from "
        f"{plural(made.num_pictures, 'picture') if made.num_pictures else 'no picture'}"
    )


def _readable(paths: list[Path], skipped: list[str]) -> Iterator[Image.Image]:
    """Read pictures one by one; what cannot be read is noted and left out."""
    from lexret.errors import ImageError
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

    for path in paths:
        try:
            yield open_image(path, min_side=ENCODING_MIN_SIDE)
        except ImageError as error:
            skipped.append(str(error))
