"""A dictionary in one compact file, which is searched without reading it whole.

The first line is JSON: format, version, language, name, number of lines and of bytes after it.
Each further line is ``key TAB translation | translation``, sorted by the bytes of the key; a key is
a headword in lower case, or one without its accents where that is no headword itself.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lexret.errors import CorruptError, InputError, MissingError
from lexret.files.text import parse_json
from lexret.files.whole import whole_file
from lexret.language.compounds import split_compound
from lexret.language.dictionaries.entries import Entry
from lexret.language.dictionaries.inflections import LINKS, headwords
from lexret.language.spelling import folded
from lexret.vocabulary import Vocabulary, number_free

FORMAT: Final = "lexret-dictionary"
VERSION: Final = 1
SUFFIX: Final = ".dictionary"
NUM_KEPT: Final = 4
# A translation this many times less frequent than the most frequent one is another meaning.
_RARER: Final = 12.0
# What a translation costs that is not the first of its sense.
_SECOND: Final = 1.5
_LONGEST_HEADER: Final = 4096


@dataclass(frozen=True, slots=True)
class DictionaryInfo:
    """What a dictionary's file says of it."""

    language: str
    name: str
    num_words: int
    num_bytes: int


def write_dictionary(
    file: Path, entries: Iterable[Entry], *, language: str, name: str, ranks: Vocabulary
) -> DictionaryInfo:
    """Write a dictionary.

    Args:
        ranks: English words by falling frequency: of a word's translations, those that are first
            in their sense and frequent come first.

    Raises:
        InputError: if there is no entry that can be used.
    """
    senses: dict[str, list[tuple[str, ...]]] = {}
    for entry in entries:
        if not {"\t", "\n"} & set(entry.word):
            senses.setdefault(entry.word.casefold(), []).extend(entry.senses)
    if not senses:
        raise InputError(f"{name} holds no word with a translation into English.")
    lines = {word: "|".join(_ranked(found, ranks)) for word, found in senses.items()}
    plain = {folded(word): line for word, line in reversed(lines.items())}
    keyed = sorted({**plain, **lines}.items(), key=lambda pair: pair[0].encode())
    content = "".join(f"{key}\t{line}\n" for key, line in keyed).encode()
    info = DictionaryInfo(language, name, len(senses), len(content))
    header = {"format": FORMAT, "version": VERSION, "language": language, "name": name,
              "num_words": len(senses), "num_bytes": len(content)}  # fmt: skip
    with whole_file(file) as fresh:
        fresh.write_bytes(json.dumps(header).encode() + b"\n" + content)
    return info


def _ranked(senses: Sequence[Sequence[str]], ranks: Vocabulary) -> list[str]:
    """Order the translations of a word, the likeliest meant first."""
    costs: dict[str, float] = {}
    for sense in senses:
        for place, text in enumerate(sense):
            known, unknown = ranks.match(text)
            places = [term_id + 2 for term_id in known] + [2 * len(ranks)] * len(unknown)
            # What stands first in a sense is its name; what follows are other words for it.
            cost = sum(map(math.log, places)) + _SECOND * min(place, 2)
            costs[text] = min(costs.get(text, cost), cost)
    ranked = sorted(costs, key=lambda text: costs[text])
    least = costs[ranked[0]] + math.log(_RARER)
    kept = {number_free(text): text for text in reversed(ranked) if costs[text] <= least}
    return [text for text in ranked if kept.get(number_free(text)) == text][:NUM_KEPT]


class CompactDictionary:
    """A dictionary from one language to English.

    Args:
        file: as :func:`write_dictionary` writes it.

    Raises:
        MissingError: if there is no such file.
        CorruptError: if it is damaged or of another format or version.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            with file.open("rb") as stream:
                self._header = stream.readline(_LONGEST_HEADER)
        except FileNotFoundError as error:
            raise MissingError(f"There is no dictionary {file}.") from error
        values = _header(file, self._header)
        self.info = DictionaryInfo(
            str(values["language"]), str(values["name"]), int(values["num_words"]),
            int(values["num_bytes"]),
        )  # fmt: skip
        if file.stat().st_size != len(self._header) + self.info.num_bytes:
            raise CorruptError(f"{file} is cut short or was changed; add the dictionary anew.")

    @property
    def language(self) -> str:
        """The language's code."""
        return self.info.language

    @cached_property
    def _lines(self) -> mmap.mmap:
        with self._file.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    def translations(self, word: str) -> tuple[str, ...]:
        """Return what a word, or the one that it is a form of, means in English, the best first."""
        for form in headwords(word.casefold(), self.language):
            found = self._of(form) or self._of(folded(form))
            if found:
                return found
        return ()

    def parts(self, word: str) -> tuple[str, ...]:
        """Return the headwords that a compound is made of; nothing where it is none."""
        links = LINKS.get(self.language)
        if links is None:
            return ()
        return split_compound(word.casefold(), self._cost, links=links)

    def _cost(self, part: str) -> float | None:
        return -float(len(part)) if self._of(part) else None

    def _of(self, key: str) -> tuple[str, ...]:
        """Find the line of a key by halving what is left."""
        wanted = key.encode("utf-8", "replace")
        lines, low, high = self._lines, len(self._header), len(self._lines)
        while low < high:
            middle = (low + high) // 2
            start = max(lines.rfind(b"\n", 0, middle) + 1, len(self._header))
            end = lines.find(b"\n", start)
            found, _, text = lines[start:end].partition(b"\t")
            if found == wanted:
                return tuple(text.decode().split("|"))
            low, high = (end + 1, high) if found < wanted else (low, start)
        return ()


def _header(file: Path, line: bytes) -> Mapping[str, Any]:
    try:
        values = parse_json(line)
        known = values["format"] == FORMAT and values["version"] == VERSION
        complete = {"language", "name", "num_words", "num_bytes"} <= values.keys()
    except (ValueError, KeyError, TypeError, AttributeError):
        known = complete = False
    if not (known and complete):
        raise CorruptError(
            f"{file} is no dictionary of lexret, format {VERSION}; add the dictionary anew with "
            "`lexret language add`."
        )
    return dict(values)
