"""WordNet folders of a few synsets, which the tests write themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

LETTERS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
DIGITS = {"noun": "1", "verb": "2", "adj": "3", "adv": "4"}
LICENCE = "  1 This is a licence line.  \n"


@dataclass
class Synset:
    """Words, lexicographer file, pointers to (symbol, noun), gloss, uses in tagged texts."""

    words: str
    file_number: int
    pointers: Sequence[tuple[str, str]] = ()
    gloss: str = 'a gloss; "with a | bar"'
    uses: int = 0
    offset: int = field(default=0)


def _line(synset: Synset, letter: str, offsets: Mapping[str, int]) -> str:
    words = synset.words.split()
    fields = [f"{synset.offset:08d} {synset.file_number:02d} {letter} {len(words):02x}"]
    fields += [f"{word} 0" for word in words]
    fields += [f"{len(synset.pointers):03d}"]
    fields += [f"{symbol} {offsets[target]:08d} n 0000" for symbol, target in synset.pointers]
    return f"{' '.join(fields)} | {synset.gloss}  \n"


def _write(
    folder: Path,
    synsets: Mapping[str, Sequence[tuple[Any, ...]]],
    exceptions: Mapping[str, str] | None = None,
) -> Path:
    groups = {pos: [Synset(*values) for values in synsets.get(pos, ())] for pos in LETTERS}
    offsets = {word: 0 for synset in groups["noun"] for word in synset.words.split()}
    counts = ""
    for pos, entries in groups.items():
        position = len(LICENCE)
        for entry in entries:  # lengths do not depend on the offsets, which are padded
            entry.offset = position
            position += len(_line(entry, LETTERS[pos], offsets))
        if pos == "noun":
            offsets = {word: entry.offset for entry in entries for word in entry.words.split()}
    for pos, entries in groups.items():
        letter = LETTERS[pos]
        data = LICENCE + "".join(_line(entry, letter, offsets) for entry in entries)
        lemmas = [
            (word.partition("(")[0].lower(), entry)
            for entry in entries
            for word in entry.words.split()
        ]
        index = LICENCE + "".join(
            f"{lemma} {letter} 1 0 1 0 {entry.offset:08d}  \n" for lemma, entry in lemmas
        )
        counts += "".join(
            f"{lemma}%{DIGITS[pos]}:00:00:: 1 {entry.uses}\n" for lemma, entry in lemmas
        )
        (folder / f"data.{pos}").write_text(data, encoding="utf-8")
        (folder / f"index.{pos}").write_text(index, encoding="utf-8")
        (folder / f"{pos}.exc").write_text((exceptions or {}).get(pos, ""), encoding="utf-8")
    (folder / "cntlist.rev").write_text(counts, encoding="utf-8")
    return folder


@pytest.fixture
def write_wordnet() -> Callable[..., Path]:
    """A function (folder, synsets by part of speech, exceptions) -> the folder.

    A synset is (words, lexicographer file, pointers, gloss, uses); the last three may be left out.
    """
    return _write
