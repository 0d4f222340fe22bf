"""``lexret models list``: what models there are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import json_option, near_path, render_table
from lexret.cli.main import EXIT_ERROR

if TYPE_CHECKING:
    from lexret.encoders.folder.catalogue import ModelSummary


@click.command("list")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[FOLDER]...")
@json_option
@click.pass_context
def command(ctx: click.Context, folders: tuple[Path, ...], as_json: bool) -> None:
    """List the shipped models, and those in the folders that you name.

    FOLDER is a model folder, or one that holds some. Recall is that on each model's own dev split,
    in percent. The exit status is 2 if a model's record is damaged; the others are listed.

    \b
    Example:
      lexret models list
      lexret models list ./my-models --json
    """
    from lexret.encoders.folder.catalogue import model_folders, summarize
    from lexret.errors import LexretError

    summaries, errors = [], []
    for folder in model_folders(folders):
        try:
            summaries.append(summarize(folder))
        except LexretError as error:
            errors.append(str(error))
    if as_json:
        values = {"models": [_values(summary) for summary in summaries], "errors": errors}
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(_table(summaries))
        for message in errors:
            click.echo(f"Error: {message}", err=True)
    if errors:
        ctx.exit(EXIT_ERROR)


def _values(summary: ModelSummary) -> dict[str, object]:
    return {**asdict(summary), "folder": near_path(summary.folder.resolve())}


def _table(summaries: list[ModelSummary]) -> str:
    rows = [
        [
            summary.name,
            summary.model_id,
            f"{summary.num_bytes / 1e6:.1f} MB",
            f"{summary.num_words:,}",
            summary.vocabulary,
            "+".join(summary.text_encoders),
            _recall(summary, "text_to_image"),
            _recall(summary, "image_to_text"),
        ]
        for summary in summaries
    ]
    headings = ["model", "id", "size", "words", "vocabulary", "texts"]
    headings += ["text -> image R@1/5/10", "image -> text R@1/5/10"]
    return render_table(headings, rows, right=[2, 3])


def _recall(summary: ModelSummary, direction: str) -> str:
    figures = summary.recall.get(direction, {})
    return " / ".join(f"{value:.1f}" for value in figures.values()) or "not recorded"
