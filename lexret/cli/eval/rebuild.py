"""``lexret eval rebuild``: how much of a picture its tokens hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexret.cli.candidates import complete_folder
from lexret.cli.common import json_option, picture_model_option, render_table
from lexret.cli.eval.options import captions_argument

if TYPE_CHECKING:
    from lexret.eval.rebuild.measure import RebuildFigures


@click.command("rebuild")
@captions_argument
@click.option("--decoder", type=click.Path(path_type=Path, file_okay=False), required=True,
              metavar="DIR", shell_complete=complete_folder,
              help="The `model` folder of a run of `lexret train` by a recipe of kind "
              "rebuild.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="A folder where features and prepared pictures are kept; made where "
              "missing.")  # fmt: skip
@click.option("--pictures", type=click.IntRange(min=2), default=250, show_default=True,
              help="Rebuild so many, evenly chosen; they are looked for among all.")  # fmt: skip
@click.option("--mixed", is_flag=True,
              help='Measure mixed queries too: "this photo" and a word.')  # fmt: skip
@picture_model_option
@json_option
def command(
    captions_source: str,
    decoder: Path,
    cache: Path,
    pictures: int,
    mixed: bool,
    model_source: str,
    as_json: bool,
) -> None:
    """Rebuild pictures from words, cells and soft tokens, and measure what is left.

    PSNR; the distance in the image backbone's features; whether a rebuilt picture finds its own
    entry, and a caption of its own, among all pictures of CAPTIONS. Controls: the originals at the
    rebuilt size, which nothing rebuilt can beat; the tokens of another picture; no token at all.

    \b
    Example:
      lexret eval rebuild captions.jsonl --decoder runs/rebuild/model --cache cache
      lexret eval rebuild captions.jsonl --decoder runs/rebuild/model --cache cache --mixed --json
    """
    from lexret.captions.sources import open_captions
    from lexret.encoders import load_model
    from lexret.eval.rebuild.measure import RebuildMeter, measure_choices
    from lexret.eval.rebuild.mixed import measure_mixed
    from lexret.rebuild.folder import load_rebuild_model
    from lexret.rebuild.prepared import prepared_pictures

    lexical = load_model(model_source)
    model = load_rebuild_model(decoder, lexical)
    captions = open_captions(captions_source)
    prepared = prepared_pictures(
        captions, lexical, cache, side=model.config.side, feature_cache=cache
    )
    meter = RebuildMeter(captions, lexical, prepared.pixels, feature_cache=cache)
    figures = measure_choices(model, meter, prepared, pictures)
    asked = {}
    if mixed:
        asked = measure_mixed(
            model, lexical, captions, prepared, meter.index, num_soft=model.config.soft.num_tokens
        )
    if as_json:
        values: dict[str, Any] = {name: found.as_dict() for name, found in figures.items()}
        click.echo(json.dumps({"rebuilt": values, "mixed": asked}, indent=2))
        return
    click.echo(_as_text(figures, f"{pictures} of {len(captions):,} pictures, {decoder}"))
    for name, value in asked.items():
        click.echo(f"{value:6.1f}  {name}")


def _as_text(figures: dict[str, RebuildFigures], counts: str) -> str:
    rows = [
        [
            name,
            f"{found.psnr:.2f}",
            f"{found.distance:.3f}",
            f"{found.own_entry_10:.1f}",
            f"{found.own_entry_rank:.0f}",
            f"{found.own_caption_10:.1f}",
            f"{found.own_caption_rank:.0f}",
        ]
        for name, found in figures.items()
    ]
    headings = ["tokens", "PSNR, dB", "distance", "own entry in ten, %", "its rank",
                "own caption in ten, %", "its rank"]  # fmt: skip
    return f"{render_table(headings, rows, right=(1, 2, 3, 4, 5, 6))}\n\n{counts}"
