"""``lexret vocab build``: a shipped vocabulary again, or one from one's own captions and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import force_option, json_option, near_path, plural
from lexret.cli.vocab.options import (
    captions_option,
    read_captions,
    report,
    wordnet_option,
)

if TYPE_CHECKING:
    from lexret.vocabularies.recipes import BuiltVocabulary

# As in lexret.vocabularies.recipes, which is too slow to import for --help.
KINDS: Final = "english-kinds"
NAMES: Final = ("english-20k", "english-21k", "llama2-17k", KINDS)


@click.command("build")
@click.argument("name", required=False, type=click.Choice(NAMES))
@captions_option
@click.option(
    "--words",
    "word_list",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A text file with one word or phrase a line: all of them come first.",
)
@click.option("--size", type=click.IntRange(min=1), default=20_000, show_default=True)
@click.option(
    "--min-pictures",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="A word of the captions counts from so many pictures on.",
)
@wordnet_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write it, NAME.txt; for a shipped one, its name in this folder without this.",
)
@force_option
@json_option
def command(
    name: str | None,
    captions: tuple[str, ...],
    word_list: Path | None,
    size: int,
    min_pictures: int,
    wordnet: Path | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a shipped vocabulary again, the same bytes, or one from your captions.

    Without NAME, the words are those of your captions, those with most pictures first, after the
    words of your list. english-20k needs --wordnet and the package wordfreq; english-21k needs
    --wordnet and the captions of Flickr8k's train split; llama2-17k needs nothing. english-kinds is
    no vocabulary but the table of words that stand for unknown ones; it needs --wordnet.

    \b
    Example:
      lexret vocab build llama2-17k
      lexret vocab build english-20k --wordnet /usr/share/wordnet
      lexret vocab build --captions captions.jsonl --size 5000 -o mine.txt
    """
    from lexret.vocabularies.records import write_vocabulary

    if name == KINDS:
        _kinds(wordnet, out or Path(f"{KINDS}.gz"), force=force, as_json=as_json)
        return
    if name is None:
        if not captions and word_list is None:
            raise click.UsageError(f"Give one of {', '.join(NAMES)}, or --captions, or --words.")
        if out is None:
            raise click.UsageError("Say where to write the vocabulary: -o NAME.txt")
        built, made_by = _own(captions, word_list, size, min_pictures), "lexret vocab build"
    else:
        built, made_by = _shipped(name, captions, wordnet)
        out = out or Path(f"{name}.txt")
    write_vocabulary(
        out,
        built.words,
        language=built.language,
        made_by=made_by,
        provenance=built.provenance,
        token_ids=built.token_ids,
        overwrite=force,
    )
    report(out, built.words, as_json=as_json)


def _kinds(wordnet: Path | None, out: Path, *, force: bool, as_json: bool) -> None:
    """Make the table of kinds and its record."""
    from lexret.vocabularies.recipes import kinds

    if wordnet is None:
        raise click.UsageError(f"{KINDS} needs WordNet's folder: --wordnet DIR")
    num_words = kinds(wordnet, out, overwrite=force)
    if as_json:
        click.echo(json.dumps({"file": near_path(out.resolve()), "num_words": num_words}, indent=2))
    else:
        click.echo(f"{out}: {plural(num_words, 'word')}")


def _own(
    captions: tuple[str, ...], word_list: Path | None, size: int, min_pictures: int
) -> BuiltVocabulary:
    from lexret.vocabularies import recipes
    from lexret.vocabularies.caption_words import read_word_list

    return recipes.custom(
        read_captions(captions),
        size=size,
        min_pictures=min_pictures,
        word_list=read_word_list(word_list) if word_list else (),
        list_name=word_list.name if word_list else "",
    )


def _shipped(
    name: str, captions: tuple[str, ...], wordnet: Path | None
) -> tuple[BuiltVocabulary, str]:
    """Return the vocabulary, and the command that made it, without this machine's paths."""
    from lexret.vocabularies import recipes
    from lexret.vocabularies.records import shipped_record

    made_by = f"lexret vocab build {name}"
    if name == recipes.LLAMA2:
        return recipes.llama2(), made_by
    if wordnet is None:
        raise click.UsageError(f"{name} needs WordNet's folder: --wordnet DIR")
    if name == recipes.ENGLISH:
        return recipes.english(wordnet), f"{made_by} --wordnet WORDNET"
    if not captions:
        raise click.UsageError(f"{name} needs the captions of Flickr8k's train split: --captions")
    pictures = [texts for found in read_captions(captions).values() for texts in found]
    record = shipped_record(recipes.ENGLISH)
    built = recipes.english_with_phrases(wordnet, pictures, record)
    return built, f"{made_by} --captions CAPTIONS --wordnet WORDNET"
