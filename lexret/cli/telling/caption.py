"""``lexret caption``: a picture in a sentence."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import print_json, printable
from lexret.cli.telling.subject import (
    check_served,
    exit_untold,
    open_told_model,
    open_told_picture,
    telling_options,
    told_as_json,
    told_as_text,
)


@click.command("caption")
@click.argument("image", metavar="PICTURE", shell_complete=complete_file)
@telling_options
@click.pass_context
def command(
    ctx: click.Context,
    image: str,
    lm: str | None,
    served: str | None,
    places: bool,
    index_path: Path | None,
    model_source: str | None,
    as_json: bool,
) -> None:
    """Tell PICTURE in a few words, or with a language model in a sentence.

    Without a language model, the surest five words that the picture holds are told. With one, it
    reads the surest 21, and below its sentence stand the words without which that would be less
    likely; a sentence that stands on none of them is not told. Where pictures of the index have a
    field `caption`, the ten most alike are shown to it as examples. A picture of the index is not
    opened. The exit status is 1 if there is nothing sure enough to tell.

    \b
    Example:
      lexret caption photo.jpg
      lexret caption photo.jpg --lm ./my-language-model
      lexret caption photo.jpg --lm http://127.0.0.1:11434 --lm-name llama3.2
    """
    from lexret.telling.tell import caption, plain_caption

    check_served(lm, served)
    picture = open_told_picture(image, index_path, model_source, places=places)
    model = None if lm is None else open_told_model(lm, served)
    told = (
        plain_caption(picture.words)
        if model is None
        else caption(model, picture.words, picture.samples())
    )
    if as_json:
        print_json(told_as_json(image, told, model))
    elif told.text:
        click.echo(printable(told.text) if model is None else told_as_text(told))
    exit_untold(ctx, image, told, unfounded="the sentence stands on none of its words")
