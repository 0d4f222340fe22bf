"""What the commands of ``lexret eval`` share: options, encoding with progress bars, JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import picture_model_option

if TYPE_CHECKING:
    from lexret.captions.caption_set import CaptionSet
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.protocol import Encoder
    from lexret.eval.control.annotated_pictures import AnnotatedPictures
    from lexret.eval.control.exclusion import ControlResult
    from lexret.eval.control.no_match import NoMatchResult
    from lexret.eval.retrieval.encoding import EncodedCaptions, Progress
    from lexret.library.model_encoders import TextEncoderKind

F = TypeVar("F", bound=Callable[..., Any])

captions_argument: Callable[[F], F] = click.argument(
    "captions_source", metavar="CAPTIONS", shell_complete=complete_file
)
source_argument: Callable[[F], F] = click.argument(
    "source", metavar="SOURCE", shell_complete=complete_file
)
eval_model_option = picture_model_option
eval_text_encoder_option: Callable[[F], F] = click.option(
    "--text-encoder",
    "text_encoder",
    type=click.Choice(["contextual", "static"]),
    default="contextual",
    show_default=True,
    help="The texts' encoder: the transformer, whose figures are the model's own, or the table "
    "that `lexret search` uses where the model has one.",
)
batch_size_option: Callable[[F], F] = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Pictures or captions that go through the model together.",
)
output_option: Callable[[F], F] = click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder for the results.",
)
seed_option: Callable[[F], F] = click.option(
    "--seed", type=int, default=0, show_default=True, help="Of all that is drawn at random."
)


def encode(
    captions: CaptionSet, model: LexicalModel, text_encoder: TextEncoderKind, batch_size: int
) -> EncodedCaptions:
    """Encode pictures and captions, with progress bars on stderr where that is a terminal."""
    from lexret.eval.retrieval.encoding import encode_captions

    with progress_bars() as progress:
        return encode_captions(
            captions,
            model.images,
            texts_of(model, text_encoder),
            batch_size=batch_size,
            progress=progress,
        )


def texts_of(model: LexicalModel, text_encoder: TextEncoderKind) -> Encoder[str]:
    """Return the text encoder that was asked for."""
    return model.static_text if text_encoder == "static" else model.contextual_text


def print_json(
    result: ControlResult | NoMatchResult,
    model: LexicalModel,
    text_encoder: TextEncoderKind,
    pictures: AnnotatedPictures,
) -> None:
    """Print a result as JSON, with the model, the text encoder and the data it was measured on."""
    import json

    values = {**result.as_dict(), "model": model.model_id, "text_encoder": text_encoder}
    click.echo(json.dumps({**values, "data_sha256": pictures.fingerprint}, indent=2))


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show one bar after the other on stderr, where that is a terminal."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def progress(kind: str, done: int, total: int) -> None:
        if kind not in bars:
            bars[kind] = tqdm(total=total, unit=f" {kind}", dynamic_ncols=True, disable=None)
        bars[kind].update(done - bars[kind].n)

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()


def called() -> str:
    """Return the command line for provenance; of absolute paths only the name, not the place."""
    import shlex
    import sys

    shown = (
        f".../{Path(argument).name}" if Path(argument).is_absolute() else argument
        for argument in sys.argv[1:]
    )
    return shlex.join(["lexret", *shown])
