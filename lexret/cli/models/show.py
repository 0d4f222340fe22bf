"""``lexret models show``: what one model is, what it can, under which licence."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from lexret.cli.candidates import complete_model
from lexret.cli.common import DEFAULT_MODEL, json_option, near_path, printable

if TYPE_CHECKING:
    from lexret.encoders.folder.catalogue import ModelSummary
    from lexret.encoders.folder.record import ModelRecord

_LICENCE: Final = "Licence and limits"
_WIDTH: Final = 100


@click.command("show")
@click.argument("source", metavar="[MODEL]", default=DEFAULT_MODEL, shell_complete=complete_model)
@click.option("--card", "whole_card", is_flag=True, help="Print the model card, all of it.")
@json_option
def command(source: str, whole_card: bool, as_json: bool) -> None:
    """Show a model: its parts, its figures, its licence. MODEL is a shipped name or a folder.

    \b
    Example:
      lexret models show
      lexret models show mini --card
      lexret models show ./my-model --json
    """
    from lexret.encoders.folder.catalogue import card_section, read_card, summarize
    from lexret.encoders.folder.record import find_model, read_record

    folder = find_model(source)
    card = read_card(folder)
    if whole_card and not as_json:
        click.echo(card or f"{folder} has no model card.")
        return
    record, summary = read_record(folder), summarize(folder)
    licence = card_section(card, _LICENCE)
    if as_json:
        values = {
            "name": summary.name,
            "model_id": summary.model_id,
            "folder": near_path(folder.resolve()),
            "num_bytes": summary.num_bytes,
            "text_encoders": summary.text_encoders,
            "vocabulary": record.values["vocabulary"],
            "config": record.values["config"],
            "sha256": record.sha256,
            "numbers": record.numbers,
            "licence": licence,
            **({"card": card} if whole_card else {}),
        }
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    _print_pairs(_parts(record, summary))
    click.echo("\nfigures")
    _print_pairs([(f"  {name}", value) for name, value in _flat(record.numbers)])
    click.echo(f"\n{_LICENCE.lower()}")
    text = licence or "the model card says nothing about it"
    for paragraph in text.splitlines():
        click.echo(textwrap.indent(textwrap.fill(printable(paragraph), _WIDTH - 2), "  "))


def _parts(record: ModelRecord, summary: ModelSummary) -> list[tuple[str, str]]:
    config = record.config()
    image, text, stored = config.image, config.text, record.values["config"]
    patches = image.image_size // image.stride
    fingerprint = str(record.vocabulary_fingerprint)[:12]
    return [
        ("model", summary.model_id),
        ("folder", near_path(record.folder.resolve())),
        ("size", f"{summary.num_bytes / 1e6:.1f} MB"),
        ("vocabulary", f"{config.vocabulary}, {record.num_words:,} words, {fingerprint}"),
        ("codebook", f"{' + '.join(config.codebook.sources)}, {config.codebook.dim} dimensions"),
        (
            "image side",
            f"{image.backbone} ({stored['image']['weights']}), {image.image_size} px, "
            f"{patches} x {patches} patches, at most {config.max_image_words} words",
        ),
        (
            "text side",
            f"{stored['text']['backbone']}, LoRA rank {text.lora_rank}, at most "
            f"{text.max_words} words; {' and '.join(summary.text_encoders)}",
        ),
        ("activation", f"{config.activation}, threshold {config.threshold:g}"),
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = f"{prefix} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, label)
        elif value is not None:
            yield label, f"{value:g}" if isinstance(value, float) else str(value)


def _print_pairs(pairs: list[tuple[str, str]]) -> None:
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{name.ljust(width)}  {printable(value)}")
