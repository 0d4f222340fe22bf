"""Make a shipped vocabulary again, the same bytes every time: NAME.txt and its record NAME.json.

The default one, english-20k: `python training/build_vocabulary.py WORDNET_FOLDER`. It needs the
package wordfreq (`pip install -e '.[dev]'`) and the WordNet database files, for example from Debian
(`apt-get install wordnet-base`, folder /usr/share/wordnet).

That of the preset lexvla: `python training/build_vocabulary.py --name llama2-17k`. It needs nothing
but lexret.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import click

from lexret.data import llama2_vocabulary, vocabulary_builder
from lexret.data.wordnet import WordNet
from lexret.encoders.pretrained import LLAMA2_TOKENIZER

ENGLISH = "english-20k"
LLAMA2 = "llama2-17k"
SIZE = 20_000
NUM_RANKED_WORDS = 500_000
VOCABULARIES = Path(__file__).parents[1] / "lexret" / "vocabularies"
# The files that decide what WordNet says; recorded with their hashes.
WORDNET_FILES = ("index.noun", "index.verb", "index.adj", "index.adv")


def english_provenance(wordnet_folder: Path) -> dict[str, object]:
    """What the word list was made from, by which rule, under which licences."""
    return {
        "order": "falling frequency",
        "rule": (vocabulary_builder.__doc__ or "").strip(),
        "sources": [
            {
                "name": "wordfreq",
                "version": version("wordfreq"),
                "used_for": f"the {NUM_RANKED_WORDS} most frequent English words (list 'large')",
                "licence": "code: Apache-2.0; data: CC BY-SA 4.0",
                "citation": "Robyn Speer (2022). rspeer/wordfreq: v3.0. Zenodo. "
                "https://doi.org/10.5281/zenodo.7199437",
            },
            {
                "name": "Princeton WordNet",
                "version": "3.0 (Debian package wordnet-base 1:3.0)",
                "used_for": "which words are words, their inflected forms, names and slurs",
                "licence": "WordNet 3.0 licence, (c) 2006 Princeton University",
                "citation": "Christiane Fellbaum, ed. (1998). WordNet: An Electronic Lexical "
                "Database. MIT Press.",
                "sha256": {
                    name: hashlib.sha256((wordnet_folder / name).read_bytes()).hexdigest()
                    for name in WORDNET_FILES
                },
            },
        ],
        "licence": "CC BY-SA 4.0, because the choice and the order of the words come from "
        "wordfreq's data",
    }


def llama2_provenance() -> dict[str, object]:
    """The same for the words from Llama 2's tokenizer."""
    return {
        "order": "the tokenizer's ids",
        "rule": (llama2_vocabulary.__doc__ or "").strip(),
        "note": "LexVLA (Li et al., NeurIPS 2024, arXiv 2407.17827) keeps 17,149 of Llama 2's "
        "32,000 tokens. Its authors have published that size, but neither the list nor the rule: "
        "this rule is lexret's stand-in, which gives a list of the same size, not the same list.",
        "sources": [
            {
                "name": "Llama 2's tokenizer",
                "version": f"{LLAMA2_TOKENIZER.path} of the package {LLAMA2_TOKENIZER.package} "
                f"{version(LLAMA2_TOKENIZER.package)}",
                "used_for": "the pieces and their order",
                "licence": "the tokenizer: Llama 2 Community License, (c) Meta Platforms, Inc.; "
                "the package: MIT",
                "citation": "Hugo Touvron et al. (2023). Llama 2: Open Foundation and Fine-Tuned "
                "Chat Models. arXiv 2307.09288.",
                "sha256": {LLAMA2_TOKENIZER.path: LLAMA2_TOKENIZER.sha256},
            },
        ],
        "licence": "Llama 2 Community License, (c) Meta Platforms, Inc.",
    }


def english_words(wordnet_folder: Path) -> tuple[str, ...]:
    """Build the default vocabulary."""
    import wordfreq

    return vocabulary_builder.build_vocabulary(
        wordfreq.top_n_list("en", NUM_RANKED_WORDS, wordlist="large"),
        wordnet=WordNet(wordnet_folder),
        size=SIZE,
    )


def write(
    out: Path, name: str, language: str, words: tuple[str, ...], provenance: dict[str, object]
) -> None:
    """Write the words and their record."""
    content = "".join(f"{word}\n" for word in words).encode()
    (out / f"{name}.txt").write_bytes(content)
    record = {
        "name": name,
        "language": language,
        "num_words": len(words),
        "sha256": hashlib.sha256(content).hexdigest(),
        "made_by": "training/build_vocabulary.py",
        **provenance,
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (out / f"{name}.json").write_text(text, encoding="utf-8")


@click.command(help=__doc__)
@click.argument(
    "wordnet_folder",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--name", default=ENGLISH, show_default=True, type=click.Choice([ENGLISH, LLAMA2]))
@click.option("--out", default=VOCABULARIES, show_default=True, type=click.Path(path_type=Path))
def main(wordnet_folder: Path | None, name: str, out: Path) -> None:
    """Build the word list and write it with its provenance."""
    if name == LLAMA2:
        words = llama2_vocabulary.llama2_words(llama2_vocabulary.llama2_pieces())
        write(out, name, "many", words, llama2_provenance())
    elif wordnet_folder is None:
        raise click.UsageError(f"{ENGLISH} needs WORDNET_FOLDER; see --help.")
    else:
        words = english_words(wordnet_folder)
        write(out, name, "en", words, english_provenance(wordnet_folder))
    click.echo(f"{len(words)} words, {words[0]!r} to {words[-1]!r}: {out / name}.txt")


if __name__ == "__main__":
    main()
