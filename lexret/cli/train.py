"""``lexret train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lexret.eval.retrieval.recall import RetrievalResult
    from lexret.training.rebuild.learner import RebuildLosses
    from lexret.training.step import StepLosses


class _Bars:
    """Progress on stderr: one bar for features, one for steps, a line for each evaluation."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._name = ""

    def note(self, message: str) -> None:
        from tqdm import tqdm

        tqdm.write(message, file=sys.stderr)

    def shards(self, name: str, done: int, total: int) -> None:
        self._show(f"index of {name}", done, total, "shard")

    def features(self, name: str, done: int, total: int) -> None:
        self._show(f"features of {name}", done, total, "item")

    def initialisation(self, step: int, num_steps: int) -> None:
        self._show("matching wholes", step, num_steps, "step")

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None:
        self._show("training", step, num_steps, "step")
        self._bar.set_postfix(
            loss=f"{losses.total:.3f}", words=f"{losses.active_image:.0f}", refresh=False
        )

    def dev(self, step: int, result: RetrievalResult) -> None:
        figures = result.as_dict()
        shown = "   ".join(
            f"{direction.replace('_', ' ')} "
            + "/".join(f"{figures[direction][name]:.1f}" for name in ("R@1", "R@5", "R@10"))
            for direction in ("text_to_image", "image_to_text")
        )
        from tqdm import tqdm

        tqdm.write(f"step {step}: dev R@1/5/10  {shown}", file=sys.stderr)

    def rebuilt(self, step: int, num_steps: int, losses: RebuildLosses) -> None:
        self._show("training", step, num_steps, "step")
        self._bar.set_postfix(
            loss=f"{losses.total:.3f}", entries=f"{losses.entries}", refresh=False
        )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, name: str, done: int, total: int, unit: str) -> None:
        from tqdm import tqdm

        if name != self._name:
            self.close()
            self._bar, self._name = tqdm(total=total, desc=name, unit=unit, initial=0), name
        self._bar.update(done - self._bar.n)


@click.command(
    epilog="""\b
Example:
  lexret train training/recipes/mini.toml --run runs/mini \\
      --set data.train=captions.jsonl --set train.epochs=3
"""
)
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--run",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run folder; by default runs/ and the recipe's name. One that exists is resumed.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the recipe, such as train.epochs=3 (may be repeated).",
)
@click.option(
    "--stop-after",
    type=click.IntRange(min=1),
    default=None,
    metavar="STEPS",
    help="Stop after so many steps, with the state saved; the same command goes on from there.",
)
@click.option("--max-minutes", type=click.FloatRange(min=0, min_open=True), metavar="MINUTES",
              help="Stop after so many minutes, in whatever stage, with the state saved; the same "
              "command goes on from there.")  # fmt: skip
@click.option("--track", "trackers", multiple=True, type=click.Choice(["tensorboard", "wandb"]),
              help="Also send the figures of metrics.jsonl there (repeatable).")  # fmt: skip
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="What to compute on: cpu, cuda or cuda:N; auto is CUDA where there is any.",
)
def command(
    recipe: Path,
    run: Path | None,
    assignments: tuple[str, ...],
    stop_after: int | None,
    max_minutes: float | None,
    trackers: tuple[str, ...],
    device: str,
) -> None:
    """Train a model by a RECIPE (a TOML file); an interrupted run goes on where it stopped.

    Data are a captions file, {"image": path, "captions": [...]} on each line with paths relative
    to the file, datasets:NAME or webdataset:PATTERN. Several processes that torchrun starts
    (torchrun --nproc_per_node 8 -m lexret train ...) share each batch. Everything is written into
    the run folder: configuration, metrics as JSON lines, curves, state to resume from, and the
    best model with its card. A recipe of kind "rebuild" trains the network of `lexret rebuild`,
    in one process.
    """
    from lexret.config.rebuild import is_rebuild_recipe

    folder = run or Path("runs") / recipe.stem
    if is_rebuild_recipe(recipe, assignments):
        if trackers:
            raise click.UsageError("A recipe of kind 'rebuild' takes no --track.")
        _train_rebuild(recipe, assignments, folder, stop_after or 0, max_minutes, device)
        return
    from lexret.config import load_recipe
    from lexret.training.distributed import leads
    from lexret.training.loop import train

    config = load_recipe(recipe, assignments)
    bars = _Bars()
    try:
        outcome = train(
            config,
            folder,
            bars,
            stop_after=stop_after or 0,
            max_minutes=max_minutes,
            device=device,
            trackers=trackers,
        )
    finally:
        bars.close()
    if not leads():
        return
    if not outcome.model.is_dir():
        click.echo(f"Stopped before the first evaluation; go on with the same command ({folder}).")
        return
    click.echo(f"Best model (step {outcome.step}): {outcome.model}")
    click.echo(f"Use it: lexret index PICTURES --model {outcome.model}")
    click.echo(f"Faster, and without torch, after: lexret models export {outcome.model}")


def _train_rebuild(
    recipe: Path,
    assignments: tuple[str, ...],
    folder: Path,
    stop_after: int,
    max_minutes: float | None,
    device: str,
) -> None:
    """Train what rebuilds pictures, and export it when all steps are done."""
    from lexret.config.rebuild import load_rebuild_recipe
    from lexret.encoders import load_model
    from lexret.rebuild.export import export_rebuild_model
    from lexret.training.rebuild.loop import train_rebuild

    config = load_rebuild_recipe(recipe, assignments)
    bars = _Bars()
    try:
        outcome = train_rebuild(
            config, folder, bars, stop_after=stop_after, max_minutes=max_minutes, device=device
        )
    finally:
        bars.close()
    if not outcome.finished:
        click.echo(f"Stopped after step {outcome.step}; go on with the same command ({folder}).")
        return
    click.echo(f"Model (step {outcome.step}): {outcome.model}")
    if config.network.text == "none" and config.network.cells.codebook != "learnt":
        export_rebuild_model(outcome.model, load_model(config.model))
        click.echo(f"Use it: lexret rebuild photo.jpg -o out.png --decoder {outcome.model}")
