"""Make the default vocabulary again: `python training/build_vocabulary.py WORDNET_FOLDER`.

Needs the package wordfreq (`pip install -e '.[dev]'`) and the WordNet database files, for example
from Debian (`apt-get install wordnet-base`, folder /usr/share/wordnet). Writes english-20k.txt and
english-20k.json, the same bytes every time.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import click
import wordfreq

from lexret.data import vocabulary_builder
from lexret.data.wordnet import WordNet

NAME = "english-20k"
SIZE = 20_000
NUM_RANKED_WORDS = 500_000
VOCABULARIES = Path(__file__).parents[1] / "lexret" / "vocabularies"
# The files that decide what WordNet says; recorded with their hashes.
WORDNET_FILES = ("index.noun", "index.verb", "index.adj", "index.adv")


def provenance(words: tuple[str, ...], content: bytes, wordnet_folder: Path) -> dict[str, object]:
    """What the word list was made from, by which rule, under which licences."""
    return {
        "name": NAME,
        "language": "en",
        "num_words": len(words),
        "sha256": hashlib.sha256(content).hexdigest(),
        "order": "falling frequency",
        "rule": (vocabulary_builder.__doc__ or "").strip(),
        "made_by": "training/build_vocabulary.py",
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


@click.command(help=__doc__)
@click.argument("wordnet_folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", default=VOCABULARIES, show_default=True, type=click.Path(path_type=Path))
def main(wordnet_folder: Path, out: Path) -> None:
    """Build the word list and write it with its provenance."""
    words = vocabulary_builder.build_vocabulary(
        wordfreq.top_n_list("en", NUM_RANKED_WORDS, wordlist="large"),
        wordnet=WordNet(wordnet_folder),
        size=SIZE,
    )
    content = "".join(f"{word}\n" for word in words).encode()
    (out / f"{NAME}.txt").write_bytes(content)
    record = json.dumps(provenance(words, content, wordnet_folder), indent=2, ensure_ascii=False)
    (out / f"{NAME}.json").write_text(record + "\n", encoding="utf-8")
    click.echo(f"{len(words)} words, {words[0]!r} to {words[-1]!r}: {out / NAME}.txt")


if __name__ == "__main__":
    main()
