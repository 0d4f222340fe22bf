"""``lexret distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lexret.cli.common import near_path


class _Bars:
    """Progress on stderr, one bar for each kind of work."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if what != self._what:
            self.close()
            self._bar, self._what = tqdm(total=total, desc=what, disable=None), what
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


@click.command("distill")
@click.argument("model_source", metavar="MODEL")
@click.option(
    "--captions",
    "captions_source",
    required=True,
    metavar="CAPTIONS",
    help="Captions to learn from, as for `lexret train`: best those that trained the model.",
)
@click.option(
    "-o",
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to write the model with its static text encoder; MODEL itself is allowed.",
)
@click.option(
    "--pictures/--no-pictures",
    "with_pictures",
    default=True,
    show_default=True,
    help="Also learn to tell the captions' pictures apart: better and slower.",
)
@click.option(
    "--feature-cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Backbone features that a training run kept, such as runs/mini/features.",
)
@click.option("--entries", type=click.IntRange(1, 1000), metavar="N",
              help="Entries that a word has in the table at most.  [default: 112]")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def command(
    model_source: str,
    captions_source: str,
    folder: Path,
    with_pictures: bool,
    feature_cache: Path | None,
    entries: int | None,
    seed: int,
) -> None:
    """Teach a model's static text encoder from its contextual one.

    The static encoder is a table from words to weighted words. It needs no transformer, so that
    `lexret search` answers at once; it comes close to what the contextual encoder of MODEL makes
    of captions, of every single word, and of words put together, and to how it ranks pictures.

    \b
    Example:
      lexret distill runs/mini/model --captions captions.jsonl -o my-model
      lexret eval retrieval dev.jsonl --model my-model --text-encoder static
    """
    from dataclasses import replace

    from lexret.data.captions import open_captions
    from lexret.training.distill import distill
    from lexret.training.static_text import StaticRecipe

    recipe = replace(StaticRecipe(), seed=seed)
    if entries is not None:
        recipe = replace(recipe, num_entries=entries)
    bars = _Bars()
    try:
        result = distill(
            model_source,
            open_captions(captions_source),
            folder,
            recipe,
            with_pictures=with_pictures,
            feature_cache=feature_cache,
            progress=bars,
        )
    finally:
        bars.close()
    click.echo(
        f"{near_path(result.model.resolve())}: static text encoder of "
        f"{result.num_bytes / 1e6:.1f} MB; mean cosine with the contextual one on held-out "
        f"captions: {result.agreement:.3f}"
    )
