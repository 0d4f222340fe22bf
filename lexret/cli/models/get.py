"""``lexret models get``: a model of the Hugging Face Hub, into a folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("get")
@click.argument("repo_id", metavar="USER/NAME")
@click.option("-o", "--out", "folder", required=True, metavar="OUT",
              type=click.Path(path_type=Path), help="The folder to write; a model in it is "
              "replaced.")  # fmt: skip
@click.option("--revision", metavar="NAME", help="A branch, tag or commit; by default the newest.")
def command(repo_id: str, folder: Path, revision: str | None) -> None:
    """Fetch the model USER/NAME from the Hugging Face Hub into a folder.

    Only JSON, text, safetensors and ONNX files are fetched: nothing that a model brings is run.
    This is the only command that asks the hub for a model; then `--model OUT` names it everywhere.

    \b
    Example:
      lexret models get somebody/my-lexret -o ./my-lexret
      lexret index ./images --model ./my-lexret
    """
    from lexret.encoders.folder.record import check_model_folder, read_record
    from lexret.encoders.folder.sharing import fetch_model, save_model

    check_model_folder(folder)
    record = read_record(fetch_model(repo_id, revision=revision))
    saved = save_model(record, folder)
    click.echo(f"{folder}: {saved.model_id}, {saved.num_words:,} words.")
