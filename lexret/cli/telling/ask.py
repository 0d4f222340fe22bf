"""``lexret ask``: a question about a picture, answered by its words."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import print_json
from lexret.cli.telling.subject import (
    LM_VARIABLE,
    exit_untold,
    open_told_model,
    open_told_picture,
    telling_options,
    told_as_json,
    told_as_text,
)


@click.command("ask")
@click.argument("image", metavar="PICTURE", shell_complete=complete_file)
@click.argument("question")
@click.option("--choice", "choices", metavar="ANSWER", multiple=True,
              help="An answer to choose from (repeat it): whole answers are compared.")  # fmt: skip
@telling_options
@click.pass_context
def command(
    ctx: click.Context,
    image: str,
    question: str,
    choices: tuple[str, ...],
    lm: str | None,
    served: str | None,
    places: bool,
    index_path: Path | None,
    model_source: str | None,
    as_json: bool,
) -> None:
    """Ask a language model a QUESTION about PICTURE, of which it reads the 21 surest words.

    It sees no picture: what no word says it cannot know. Below the answer stand the words without
    which it would be less likely; an answer that stands on none of them, or is as likely without
    the picture, is not told, and the exit status is 1.

    \b
    Example:
      lexret ask photo.jpg "what is on the table?" --lm ./my-language-model
      lexret ask photo.jpg "where is it?" --choice indoors --choice outdoors --lm ./my-lm
    """
    from lexret.telling.tell import answer

    if lm is None:
        raise click.UsageError(
            f"Questions are answered by a language model: name one with --lm, or {LM_VARIABLE}. "
            "What a picture's words are, `lexret caption` and `lexret words` tell without one."
        )
    if not question.strip():
        raise click.UsageError("The question is empty.")
    if len(choices) == 1:
        raise click.UsageError("One answer is no choice; give --choice twice or more, or not.")
    picture = open_told_picture(image, index_path, model_source, places=places)
    model = open_told_model(lm, served)
    told = answer(model, picture.words, " ".join(question.split()), choices=choices)
    if as_json:
        print_json({**told_as_json(image, told, model), "question": question})
    elif told.text:
        click.echo(told_as_text(told))
    exit_untold(ctx, image, told, unfounded="no answer stands on its words")
