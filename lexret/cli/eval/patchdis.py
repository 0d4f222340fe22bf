"""``lexret eval patchdis``: whether a picture's patches mean what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import (
    check_free,
    computation_options,
    force_option,
    json_option,
    render_table,
)
from lexret.cli.eval.options import eval_model_option, progress_bars, seed_option

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.eval.patches.patchdis import PatchDisResult

_SHOWN: Final = 10


def _parse_ids(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    ids: list[int] = []
    for part in value.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not match:
            raise click.BadParameter(f"{part!r}; expected numbers and ranges such as 1-90,92")
        first, last = int(match[1]), int(match[2] or match[1])
        ids += range(first, last + 1)
    return tuple(ids)


@click.command("patchdis")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--ids", metavar="1-90,92", callback=_parse_ids,
              help="Only the classes of these ids; pixels of others do not count.")  # fmt: skip
@click.option("--prompt", "prompts", multiple=True, metavar="TEXT",
              help="What is said of a class, with {name} for its name (repeatable: the mean "
              "counts); by default the name alone.")  # fmt: skip
@click.option("--split", metavar="NAME", help="Of Pascal VOC, COCO or CamVid, such as val.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Draw ten pictures beside their true and predicted maps.")  # fmt: skip
@force_option
@eval_model_option
@seed_option
@json_option
@computation_options
def command(
    folder: Path,
    ids: tuple[int, ...] | None,
    prompts: tuple[str, ...],
    split: str | None,
    figure: Path | None,
    force: bool,
    model_source: str,
    seed: int,
    as_json: bool,
    computation: Computation,
) -> None:
    """Measure how well patches say what lies in them, against segmentation masks.

    DIR holds images/, masks/*.png (a pixel's value is its class id) and classes.json
    ({"1": "person", ...}; 0 and names such as "unlabeled" do not count), or is Pascal VOC, COCO
    panoptic or CamVid as they are unpacked.

    Every patch gets the class whose text is most similar to it; miou is the mean intersection over
    union, in percent, of the classes that the masks show. Baselines from the same pictures:
    classes at random, the most frequent class everywhere, the words of the ImageNet head's class
    activation, and the model's dense patch vectors. docs/patchdis.md has the whole definition.

    \b
    Example:
      lexret eval patchdis coco-masks --json
      lexret eval patchdis coco-masks --ids 1-90 --figure things.png
      lexret eval patchdis VOCdevkit/VOC2012 --prompt "{name}" --prompt "a photo of a {name}"
    """
    check_free(figure, "--figure", force=force)
    from lexret.encoders import load_model
    from lexret.eval.patches.mask_formats import open_masked
    from lexret.eval.patches.patchdis import DEFAULT_PROMPTS
    from lexret.eval.patches.patchdis_model import measure_patchdis

    pictures = open_masked(folder, split=split)
    if ids is not None:
        pictures = pictures.only(ids)
    model = load_model(model_source, computation=computation)
    prompts = prompts or DEFAULT_PROMPTS
    with progress_bars() as tell:
        result, maps = measure_patchdis(
            pictures,
            model,
            prompts=prompts,
            seed=seed,
            progress=lambda done, total: tell("pictures", done, total),
        )
    if figure is not None:
        from lexret.eval.patches.patchdis_figure import draw_maps

        draw_maps(figure, pictures, maps)
    if as_json:
        values = {**result.as_dict(), "model": model.model_id, "prompts": prompts, "seed": seed}
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(_as_text(result, model.model_id))


def _as_text(result: PatchDisResult, model_id: str) -> str:
    values = result.as_dict()
    low, high = values["interval"]
    rows = [["patches, words", f"{values['miou']:.2f}", f"{low:.2f} to {high:.2f}"]]
    for name, figure in values["baselines"].items():
        rows.append([name.replace("_", " "), "-" if figure is None else f"{figure:.2f}", ""])
    classes = sorted(values["classes"].items(), key=lambda item: -item[1])
    best = ", ".join(f"{name} {iou:.1f}" for name, iou in classes[:_SHOWN])
    silent = sum(iou == 0 for _, iou in classes)
    counts = values["num_classes"]
    return (
        f"{render_table(['', 'mIoU', '95% interval'], rows, right=(1, 2))}\n\n"
        f"{values['num_images']:,} pictures, {counts['present']} of {counts['asked']} classes "
        f"present, pixel accuracy {values['pixel_accuracy']:.1f}%, model {model_id}\n"
        f"best: {best}\nnever right: {silent} of {len(classes)} classes"
    )
