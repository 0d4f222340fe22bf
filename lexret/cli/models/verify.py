"""``lexret models verify``: check everything of a model's folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_model
from lexret.cli.common import json_option, near_path, plural, printable
from lexret.cli.main import EXIT_ERROR

if TYPE_CHECKING:
    from lexret.encoders.model_check import Check


@click.command("verify")
@click.argument("sources", nargs=-1, metavar="[MODEL]...", shell_complete=complete_model)
@json_option
@click.pass_context
def command(ctx: click.Context, sources: tuple[str, ...], as_json: bool) -> None:
    """Check models: hashes, vocabulary, tensor shapes, frozen packages, files that are not read.

    MODEL is a shipped name or a folder; without one, every shipped model is checked. A model is
    read from safetensors, JSON and text alone: another file in its folder (a pickled .bin or .pt)
    is named and never opened. The exit status is 2 if a model is damaged or incomplete.

    \b
    Example:
      lexret models verify
      lexret models verify mini ./my-model --json
    """
    from lexret.encoders.folder.catalogue import model_folders
    from lexret.encoders.folder.record import find_model
    from lexret.encoders.model_check import check_model

    folders = [find_model(source) for source in sources] if sources else model_folders()
    results = {folder: check_model(folder) for folder in folders}
    failed = [folder for folder, checks in results.items() if any(c.is_failure for c in checks)]
    if as_json:
        values = [
            {
                "folder": near_path(folder.resolve()),
                "ok": folder not in failed,
                "checks": [asdict(check) for check in checks],
            }
            for folder, checks in results.items()
        ]
        click.echo(json.dumps({"ok": not failed, "models": values}, indent=2, ensure_ascii=False))
    else:
        for folder, checks in results.items():
            _print(folder, checks)
    if failed:
        names = ", ".join(str(folder) for folder in failed)
        click.echo(f"Error: damaged or incomplete: {names}. Install or copy it again.", err=True)
        ctx.exit(EXIT_ERROR)


def _print(folder: Path, checks: list[Check]) -> None:
    click.echo(f"{near_path(folder.resolve())}: {plural(len(checks), 'check')}")
    width = max(len(check.name) for check in checks)
    for check in checks:
        click.echo(f"  {check.status:<11}  {check.name.ljust(width)}  {printable(check.found)}")
