"""``lexret models push``: a model, to the Hugging Face Hub."""

from __future__ import annotations

import click

from lexret.cli.candidates import complete_model


@click.command("push")
@click.argument("model_source", metavar="MODEL", shell_complete=complete_model)
@click.argument("repo_id", metavar="USER/NAME")
@click.option("--private", is_flag=True, help="A repository that is made now is private.")
@click.option("--revision", metavar="BRANCH", help="The branch to commit to.")
@click.option("--message", "-m", metavar="TEXT", help="The commit's message.")
def command(
    model_source: str, repo_id: str, private: bool, revision: str | None, message: str | None
) -> None:
    """Publish MODEL, a shipped model's name or a model folder, on the Hugging Face Hub.

    Look at its card and its licence first. Who you are is said by `hf auth login`.

    \b
    Example:
      lexret models push ./runs/my-run/best me/my-lexret --private
    """
    from lexret.encoders.lexical_model import load_model

    address = load_model(model_source).push_to_hub(
        repo_id, private=private, revision=revision, message=message
    )
    click.echo(address)
