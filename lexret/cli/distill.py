"""``lexret distill``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lexret.cli.candidates import complete_file, complete_model
from lexret.cli.common import computation_options, near_path

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation

_LINE_SECONDS: Final = 10.0


class _Bars:
    """Progress on stderr: a bar for each kind of work, or a plain line every ten seconds."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._what = ""
        self._next_line = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            self._line(what, done, total)
            return
        from tqdm import tqdm

        if what != self._what:
            self.close()
            self._bar, self._what = tqdm(total=total, desc=what), what
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _line(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next_line or done == total or what != self._what:
            click.echo(f"{what}: {done:,} of {total:,}", err=True)
            self._next_line, self._what = now + _LINE_SECONDS, what


@click.command("distill")
@click.argument("model_source", metavar="MODEL", shell_complete=complete_model)
@click.option(
    "--captions",
    "captions_sources",
    required=True,
    multiple=True,
    metavar="CAPTIONS",
    shell_complete=complete_file,
    help="Captions to learn from, as for `lexret train`: best those that trained the model (may be "
    "repeated).",
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
    help="Also learn to score the captions' pictures: closer by a point and more of R@10.",
)
@click.option(
    "--feature-cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Backbone features that a training run kept, such as runs/mini/features: without them "
    "every picture is put through the backbone.",
)
@click.option("--coordinates", type=click.IntRange(1, 4096), metavar="N",
              help="Numbers that a word has in the table at most.  [default: 192]")  # fmt: skip
@click.option("--pairs", type=click.IntRange(min=0), metavar="N",
              help="Pairs of words in the table at most.  [default: 4000]")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True,
              help="Texts that go through the transformer together.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@computation_options
def command(
    model_source: str,
    captions_sources: tuple[str, ...],
    folder: Path,
    with_pictures: bool,
    feature_cache: Path | None,
    coordinates: int | None,
    pairs: int | None,
    batch_size: int,
    seed: int,
    computation: Computation,
) -> None:
    """Teach a model's static text encoder from its contextual one.

    The static encoder is a table of word vectors. It needs no transformer, so that `lexret search`
    answers at once; it comes close to what the contextual encoder of MODEL makes of captions, of
    every single word, and of words put together, and to how it scores pictures.

    \b
    Example:
      lexret distill runs/mini/model --captions captions.jsonl -o my-model \\
          --feature-cache runs/mini/features
      lexret eval retrieval dev.jsonl --model my-model --text-encoder static
    """
    from dataclasses import replace

    from lexret.captions.joined import JoinedCaptions
    from lexret.captions.sources import open_captions
    from lexret.training.distill.distillation import distill
    from lexret.training.distill.imitation import StaticRecipe

    recipe = replace(StaticRecipe(), seed=seed)
    if coordinates is not None:
        recipe = replace(recipe, num_coordinates=coordinates)
    if pairs is not None:
        recipe = replace(recipe, num_pairs=pairs)
    sets = [open_captions(source) for source in captions_sources]
    bars = _Bars()
    try:
        result = distill(
            model_source,
            sets[0] if len(sets) == 1 else JoinedCaptions(sets),
            folder,
            recipe,
            with_pictures=with_pictures,
            feature_cache=feature_cache,
            progress=bars,
            batch_size=batch_size,
            computation=computation,
        )
    finally:
        bars.close()
    click.echo(
        f"{near_path(result.model.resolve())}: static text encoder of "
        f"{result.num_bytes / 1e6:.1f} MB; mean cosine with the contextual one on held-out "
        f"captions: {result.agreement:.3f}"
    )
