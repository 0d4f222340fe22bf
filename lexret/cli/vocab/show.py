"""``lexret vocab show``: what a vocabulary holds, and whether words are in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lexret.cli.candidates import complete_vocabulary, complete_words
from lexret.cli.common import json_option, printable, render_table

if TYPE_CHECKING:
    from lexret.vocabulary import Vocabulary

_NUM_SAMPLES: Final = 12
_EXIT_NOTHING_FOUND: Final = 1


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a vocabulary makes of a word or phrase.

    Attributes:
        entry: the entry that stands for all of it: itself, or its singular or plural.
        parts: the entries that its words find, where no entry stands for all of it.
    """

    word: str
    entry: str | None
    term_id: int | None
    parts: tuple[str, ...]
    nearest: tuple[str, ...]


@click.command("show")
@click.argument("source", metavar="VOCABULARY|MODEL", shell_complete=complete_vocabulary)
@click.argument("words", nargs=-1, metavar="[WORD]...", shell_complete=complete_words)
@json_option
@click.pass_context
def command(ctx: click.Context, source: str, words: tuple[str, ...], as_json: bool) -> None:
    """Show a vocabulary: size, fingerprint, samples; or look words up in it.

    VOCABULARY|MODEL is a shipped vocabulary, a text file with one word a line, a shipped model or
    a model folder. For given words it tells which are in and under which id, and for the others
    the nearest entries. The exit status is 1 if none of them is in it.

    \b
    Example:
      lexret vocab show english-21k
      lexret vocab show english-21k "traffic lights" dog qwerty
      lexret vocab show mini dog --json
    """
    vocabulary, record = _open(source)
    lookups = [_look_up(word, vocabulary) for word in words]
    if as_json:
        values = _values(source, vocabulary, record)
        if words:
            values["words"] = [asdict(lookup) for lookup in lookups]
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
    elif words:
        click.echo(_table(lookups))
    else:
        click.echo(_summary(_values(source, vocabulary, record)))
    if words and all(lookup.entry is None for lookup in lookups):
        ctx.exit(_EXIT_NOTHING_FOUND)


def _open(source: str) -> tuple[Vocabulary, dict[str, Any]]:
    """Open a vocabulary, and its record where there is one."""
    from lexret.encoders.folder.record import META_FILE, SHIPPED, find_model, read_record
    from lexret.vocabularies.records import record_for
    from lexret.vocabularies.sources import open_vocabulary

    if (SHIPPED / source / META_FILE).is_file() or Path(source).is_dir():
        model = read_record(find_model(source))
        vocabulary = model.vocabulary()
        return vocabulary, {"model": model.model_id, "name": model.config().vocabulary}
    return open_vocabulary(source), record_for(source)


def _look_up(word: str, vocabulary: Vocabulary) -> Lookup:
    text = " ".join(word.lower().split())
    term_id = vocabulary.term_id(text)
    found, unknown = vocabulary.match(text)
    if term_id is None and len(found) == 1 and not unknown:
        term_id = found[0]
    if term_id is not None:
        return Lookup(word, vocabulary.words[term_id], term_id, (), ())
    parts = tuple(vocabulary.words[part] for part in found)
    return Lookup(word, None, None, parts, tuple(vocabulary.nearest(text)))


def _values(source: str, vocabulary: Vocabulary, record: dict[str, Any]) -> dict[str, Any]:
    words = vocabulary.words
    phrases = [word for word in words if " " in word]
    values: dict[str, Any] = {
        "name": record.get("name", Path(source).stem),
        "num_words": len(words),
        "num_phrases": len(phrases),
        "fingerprint": vocabulary.fingerprint,
        "first": words[:_NUM_SAMPLES],
        "last": words[-_NUM_SAMPLES:],
    }
    if phrases:
        step = max(len(phrases) // _NUM_SAMPLES, 1)
        values["phrases"] = phrases[::step][:_NUM_SAMPLES]
    kept = ("model", "language", "order", "made_by", "licence")
    return {**values, **{name: record[name] for name in kept if name in record}}


def _summary(values: dict[str, Any]) -> str:
    width = max(map(len, values))
    lines = []
    for name, value in values.items():
        if isinstance(value, int):
            text = f"{value:,}"
        else:
            text = value if isinstance(value, str) else ", ".join(value)
        lines.append(
            f"{name.replace('num_', '').replace('_', ' ').ljust(width)}  {printable(text)}"
        )
    return "\n".join(lines)


def _table(lookups: list[Lookup]) -> str:
    rows = []
    for lookup in lookups:
        if lookup.term_id is None:
            notes = [f"its words: {', '.join(lookup.parts)}"] if lookup.parts else []
            notes += [f"nearest: {', '.join(lookup.nearest)}"] if lookup.nearest else []
            rows.append([lookup.word, "no", "", "; ".join(notes)])
        else:
            note = "" if lookup.entry == lookup.word else f"as {lookup.entry!r}"
            rows.append([lookup.word, "yes", str(lookup.term_id), note])
    return render_table(["word", "in", "id", ""], rows, right=[2])
