"""Reader of the WordNet database files: lemmas, senses, inflected forms.

The file formats are those of the manual pages ``wndb(5WN)`` (index and data files, exception
lists) and ``morphy(7WN)`` (how an inflected form finds its base form).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from lexret.errors import CorruptError, MissingError

PARTS_OF_SPEECH: Final = ("noun", "verb", "adj", "adv")

# morphy(7WN), table "Rules of Detachment": (ending of the inflected form, ending of the base form).
_DETACHMENT: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "verb": (
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}
# The letters that stand for the parts of speech in data files; 's' is a satellite adjective.
_POS_OF_LETTER: Final = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
# senseidx(5WN): the digits that stand for them in sense keys; 5 is a satellite adjective.
_POS_OF_DIGIT: Final = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
_HYPONYM: Final = "~"
# lexnames(5WN): the files of nouns and verbs, in the order of their numbers.
_FIRST_NOUN_FILE: Final = 3
_NOUN_FILES: Final = (
    "Tops act animal artifact attribute body cognition communication event feeling food group "
    "location motive object person phenomenon plant possession process quantity relation shape "
    "state substance time"
)
_VERB_FILES: Final = (
    "body change cognition communication competition consumption contact creation emotion motion "
    "perception possession social stative weather"
)
_CATEGORIES: Final = (
    *(f"noun.{name}" for name in _NOUN_FILES.split()),
    *(f"verb.{name}" for name in _VERB_FILES.split()),
)
# Shorter stems are accidents ("his" is not the plural of "hi", nor "bed" the past of "b").
_SHORTEST_BASE_FORM: Final = 3
_TAG_COUNTS: Final = "cntlist.rev"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Pointer of a synset, for example ``@i`` (instance of) or ``;u`` (usage domain)."""

    symbol: str
    part_of_speech: str
    offset: int
    source_word: int
    """1-based number of the word the pointer starts from; 0 for the whole synset."""


@dataclass(frozen=True, slots=True)
class Synset:
    """Synset: the words of one sense as they are spelled (capitals kept), and its pointers."""

    words: tuple[str, ...]
    pointers: tuple[Pointer, ...]
    category: str
    """The lexicographer file of lexnames(5WN), for example ``noun.animal``; "" for the others."""
    offset: int
    """Where it starts in the data file of its part of speech."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Reading of a word: a base form, with the part of speech in which WordNet lists it."""

    part_of_speech: str
    lemma: str


class WordNet:
    """Database of WordNet in one folder, read once.

    Raises:
        MissingError: if a file is missing.
        CorruptError: if a line does not have the documented form.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets = {
            pos: dict(_read_index(_read(folder / f"index.{pos}"), name=f"index.{pos}"))
            for pos in PARTS_OF_SPEECH
        }
        self._exceptions = {
            pos: _read_exceptions(_read(folder / f"{pos}.exc")) for pos in PARTS_OF_SPEECH
        }
        self._data = {pos: _read(folder / f"data.{pos}") for pos in PARTS_OF_SPEECH}

    def sense_offsets(self, lemma: str, *, part_of_speech: str) -> tuple[int, ...]:
        """Where the senses of `lemma` lie in the data file, the most frequent sense first."""
        return self._offsets[part_of_speech].get(lemma, ())

    def senses(self, reading: Reading) -> Iterator[Synset]:
        """The senses of a reading, the most frequent one first."""
        for offset in self._offsets[reading.part_of_speech].get(reading.lemma, ()):
            yield self.synset_at(offset, part_of_speech=reading.part_of_speech)

    def readings(self, word: str) -> tuple[Reading, ...]:
        """Every base form of `word` (lower case): itself, by exception list, by detachment."""
        found: list[Reading] = []
        for pos in PARTS_OF_SPEECH:
            lemmas = self._offsets[pos]
            candidates = [word, *self._exceptions[pos].get(word, ()), *_detached(word, pos)]
            found.extend(
                Reading(pos, lemma) for lemma in dict.fromkeys(candidates) if lemma in lemmas
            )
        return tuple(found)

    def noun_phrases(self) -> Iterator[str]:
        """The noun lemmas of several words, with "_" or "-" between the words."""
        return (lemma for lemma in self._offsets["noun"] if "_" in lemma or "-" in lemma)

    def single_words(self) -> set[str]:
        """The lemmas of one word, of all parts of speech."""
        return {lemma for lemmas in self._offsets.values() for lemma in lemmas if "_" not in lemma}

    def glosses(self) -> Iterator[str]:
        """The definition and examples of every synset: about 118,000 short English texts."""
        for content in self._data.values():
            for line in content.decode("utf-8", "replace").splitlines():
                if not line.startswith(" "):
                    yield line.partition(" | ")[2].strip()

    def has_fewer_kinds(self, offset: int, *, than: int) -> bool:
        """Whether fewer than so many noun synsets are kinds of the one at `offset`."""
        seen, left = {offset}, [offset]
        while left:
            for pointer in self.synset_at(left.pop(), part_of_speech="noun").pointers:
                if pointer.symbol == _HYPONYM and pointer.offset not in seen:
                    seen.add(pointer.offset)
                    left.append(pointer.offset)
            if len(seen) > than:
                return False
        return True

    def main_part_of_speech(self, word: str) -> str | None:
        """The part of speech in which WordNet's sense-tagged texts use `word` most.

        Of equal counts (none, for a rare word), the part of speech with more senses decides, then
        the order of `PARTS_OF_SPEECH`. None if WordNet does not know the word.
        """
        uses: Counter[str] = Counter()
        senses: Counter[str] = Counter()
        for reading in self.readings(word):
            uses[reading.part_of_speech] += self._tag_counts[reading.part_of_speech, reading.lemma]
            senses[reading.part_of_speech] += len(
                self._offsets[reading.part_of_speech][reading.lemma]
            )
        return max(senses, key=lambda pos: (uses[pos], senses[pos]), default=None)

    @cached_property
    def _tag_counts(self) -> Counter[tuple[str, str]]:
        """cntlist.rev (cntlist(5WN)): "sense_key sense_number tag_cnt" a line."""
        counts: Counter[tuple[str, str]] = Counter()
        for number, line in enumerate(_read(self._folder / _TAG_COUNTS).splitlines(), start=1):
            try:
                key, _, count = line.decode("utf-8").split()
                lemma, _, rest = key.partition("%")
                counts[_POS_OF_DIGIT[rest[0]], lemma] += int(count)
            except (IndexError, KeyError, ValueError) as error:
                raise CorruptError(
                    f"{_TAG_COUNTS}, line {number}: expected 'sense_key number count', "
                    f"found {line[:60]!r}"
                ) from error
        return counts

    def synset_at(self, offset: int, *, part_of_speech: str) -> Synset:
        """The synset at a byte offset of a data file.

        Raises:
            CorruptError: if no synset starts there.
        """
        data = self._data[part_of_speech]
        end = data.find(b"\n", offset)
        line = data[offset : end if end >= 0 else len(data)].decode("utf-8", "replace")
        if not line.startswith(f"{offset:08d} "):
            raise CorruptError(
                f"data.{part_of_speech} has no synset at byte {offset} (found {line[:20]!r}); "
                "the index and data files must come from one WordNet release"
            )
        return _parse_synset(line, name=f"data.{part_of_speech}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingError(
            f"cannot read the WordNet file {path} ({error.strerror}); expected a folder with "
            "index.*, data.* and *.exc, such as the Debian package wordnet-base installs"
        ) from error


def _read_index(content: bytes, *, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield (lemma, offsets of its senses); lines that start with a blank are the licence."""
    for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
        if line.startswith(" ") or not line:
            continue
        fields = line.split()
        try:
            num_senses = int(fields[2])
            offsets = tuple(int(field) for field in fields[-num_senses:])
        except (IndexError, ValueError) as error:
            raise CorruptError(
                f"{name}, line {number}: expected 'lemma pos senses ... offsets', "
                f"found {line[:60]!r}"
            ) from error
        yield fields[0], offsets


def _read_exceptions(content: bytes) -> dict[str, tuple[str, ...]]:
    lines = (line.split() for line in content.decode("utf-8").splitlines())
    return {fields[0]: tuple(fields[1:]) for fields in lines if fields}


def _detached(word: str, part_of_speech: str) -> Iterator[str]:
    if part_of_speech == "noun" and word.endswith("ss"):
        return
    for ending, replacement in _DETACHMENT[part_of_speech]:
        if word.endswith(ending):
            base = word.removesuffix(ending) + replacement
            if len(base) >= _SHORTEST_BASE_FORM:
                yield base


def _parse_synset(line: str, *, name: str) -> Synset:
    """Parse ``offset lex_filenum ss_type w_cnt word lex_id ... p_cnt ptr ... | gloss``."""
    fields = line.partition(" | ")[0].split()
    try:
        file_number = int(fields[1]) - _FIRST_NOUN_FILE
        num_words = int(fields[3], 16)
        # An adjective can carry its position in brackets: "galore(ip)".
        words = tuple(field.partition("(")[0] for field in fields[4 : 4 + 2 * num_words : 2])
        first = 5 + 2 * num_words
        num_pointers = int(fields[first - 1])
        pointers = tuple(
            Pointer(
                symbol=fields[at],
                part_of_speech=_POS_OF_LETTER[fields[at + 2]],
                offset=int(fields[at + 1]),
                source_word=int(fields[at + 3][:2], 16),
            )
            for at in range(first, first + 4 * num_pointers, 4)
        )
    except (IndexError, KeyError, ValueError) as error:
        raise CorruptError(
            f"{name}: {line[:60]!r} is not a synset line of wndb(5WN); get an undamaged copy"
        ) from error
    category = _CATEGORIES[file_number] if 0 <= file_number < len(_CATEGORIES) else ""
    return Synset(words=words, pointers=pointers, category=category, offset=int(fields[0]))
