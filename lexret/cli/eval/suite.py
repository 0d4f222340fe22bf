"""``lexret eval all``: a whole suite by one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_model
from lexret.cli.common import backbones_option, computation_options
from lexret.cli.eval.options import called, output_option

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation


@click.command("all")
@click.option("--suite", "suite_path", required=True, metavar="FILE",
              type=click.Path(dir_okay=False, path_type=Path),
              help="A TOML file, such as eval/suites/mini.toml.")  # fmt: skip
@output_option
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=".",
              show_default=True, help="The folder that the suite's sources are in.")  # fmt: skip
@click.option("--model", "model_source", metavar="MODEL", shell_complete=complete_model,
              help="Measure this model instead of the suite's.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default="runs/features",
              show_default=True, help="Where features of the ridge baseline are kept.")  # fmt: skip
@backbones_option
@computation_options
def command(
    suite_path: Path,
    output: Path,
    data: Path,
    model_source: str | None,
    cache: Path,
    computation: Computation,
) -> None:
    """Measure everything that a suite names, and record it with its provenance.

    Writes results.json (all figures; commit, hashes of model and data, settings, seed, machine
    and command), results.md (tables) and plots into the output folder. Every picture is encoded
    once, whatever is measured with it.

    \b
    Example:
      lexret eval all --suite eval/suites/mini.toml --data data -o runs/mini
    """
    from lexret.eval.suite.definition import load_suite
    from lexret.eval.suite.run import SuiteRun

    suite = load_suite(suite_path)
    if model_source is not None:
        suite = suite.model_copy(update={"model": model_source})
    run = SuiteRun(
        suite,
        data=data,
        output=output,
        cache=cache,
        tell=lambda part: click.echo(part, err=True),
        computation=computation,
    )
    run.run(command=called())
    click.echo(f"{output / 'results.md'}")
