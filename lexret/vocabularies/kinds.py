"""The table of kinds: for each English word that WordNet knows, words that can stand for it.

For each sense of a word, the most frequent first, these are its synonyms, and of the nearest
things that it is a kind of (nouns, verbs), is similar to or is derived from (adjectives, adverbs),
up to four steps away, the first name: "reference book", or if that is no word of the vocabulary,
"book". Where some were found, one more step is taken. Things with very many kinds ("object",
"instrumentality") say too little to stand for anything, except a few that pictures show
("animal"). A place that has a name is a kind of place, where the word means nothing else; persons'
names, those of genera and the like, and offensive words are left out.

The weight of a word is 1 for a synonym of the first sense and 0.7 times that for each step; it is
divided by the number of the sense, doubled where a picture can show the sense, and 0.3 of that in
another part of speech than the one in which the word is used most. Of those with more than half of
the greatest weight, at most three are kept.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lexret.vocabularies.frequent_words import VISIBLE_CATEGORIES, WordRule
from lexret.vocabularies.wordnet import PARTS_OF_SPEECH, Pointer, Reading, Synset, WordNet
from lexret.vocabulary import STOP_WORDS, Vocabulary

NAME: Final = "english-kinds"
NUM_KEPT: Final = 3
NUM_STEPS: Final = 4
NUM_SENSES: Final = 3
STEP_WEIGHT: Final = 0.7
MINOR_PART: Final = 0.3
LEAST_SHARE: Final = 0.5
LEVELS: Final = 9
"""Weights are stored as whole numbers from 1 to this, relative to the greatest of a word."""
MOST_KINDS: Final = 1500
_SHORTEST: Final = 3
_BROAD_BUT_SEEN: Final = frozenset(
    {"animal", "bird", "clothing", "fish", "flower", "food", "person", "plant", "tree"}
)
_UP: Final = frozenset({"@", "@i"})
_ASIDE: Final = frozenset({"&", "+", "\\"})
_INSTANCE: Final = "@i"
_TAXA: Final = frozenset(
    {"class", "division", "family", "genus", "kingdom", "order", "phylum", "subfamily", "tribe"}
)
_CITY_OF: Final = {"capital": "city"}

Weights = dict[str, float]


@dataclass(frozen=True, slots=True)
class KindsTable:
    """For each word the words that can stand for it, with their weights, the best first."""

    words: Mapping[str, tuple[tuple[str, int], ...]]

    def content(self) -> bytes:
        """Return the table as text: ``word TAB other weight, other weight`` a line, sorted."""
        lines = (
            f"{word}\t{','.join(f'{other} {weight}' for other, weight in others)}\n"
            for word, others in sorted(self.words.items())
        )
        return "".join(lines).encode()

    def compressed(self) -> bytes:
        """Return the table as its file holds it: the same bytes each time."""
        return gzip.compress(self.content(), 9, mtime=0)


def build_kinds(wordnet: WordNet, vocabulary: Vocabulary) -> KindsTable:
    """Build the table of all single words that WordNet knows.

    Args:
        vocabulary: the words that may stand for others.
    """
    return _Builder(wordnet, vocabulary).build()


class _Builder:
    """Finds the words that stand for others; see the module."""

    def __init__(self, wordnet: WordNet, vocabulary: Vocabulary) -> None:
        self._wordnet, self._vocabulary = wordnet, vocabulary
        self._rule = WordRule(wordnet)
        self._broad: dict[int, bool] = {}

    def build(self) -> KindsTable:
        table = {}
        for word in sorted(self._wordnet.single_words()):
            if self._is_wanted(word) and (others := self._others(word)):
                table[word] = others
        return KindsTable(table)

    def _is_wanted(self, word: str) -> bool:
        shape = word.isascii() and word.isalpha() and len(word) >= _SHORTEST
        return shape and word not in STOP_WORDS and not self._rule.is_offensive(word)

    def _others(self, word: str) -> tuple[tuple[str, int], ...]:
        weights: Weights = {}
        main = self._wordnet.main_part_of_speech(word)
        for part_of_speech in PARTS_OF_SPEECH:
            use = 1.0 if part_of_speech == main else MINOR_PART
            for number, synset in enumerate(self._senses(word, part_of_speech), start=1):
                seen = 2.0 if synset.category in VISIBLE_CATEGORIES else 1.0
                for other, weight in self._of_sense(word, synset, part_of_speech):
                    found = use * seen * weight / number
                    weights[other] = max(weights.get(other, 0.0), found)
        if not weights:
            return ()
        greatest = max(weights.values())
        # Equal weights: the more frequent word, which has the lower id.
        ranked = sorted(weights, key=lambda other: (-weights[other], self._id(other)))
        kept = [other for other in ranked if weights[other] > LEAST_SHARE * greatest][:NUM_KEPT]
        return tuple((other, round(LEVELS * weights[other] / greatest)) for other in kept)

    def _senses(self, word: str, part_of_speech: str) -> list[Synset]:
        """The first senses of a word, those of a name only where it has no others."""
        found = self._wordnet.senses(Reading(part_of_speech, word))
        senses = [synset for synset in found if not self._is_a_taxon(synset)]
        kinds = [synset for synset in senses if not _is_a_name(synset)]
        places = [synset for synset in senses if synset.category != "noun.person"]
        return (kinds or places)[:NUM_SENSES]

    def _id(self, word: str) -> int:
        return self._vocabulary.term_id(word) or 0

    def _of_sense(self, word: str, synset: Synset, part: str) -> Iterator[tuple[str, float]]:
        """Yield words for one sense: its synonyms, else those of the nearest synsets with any."""
        level, weight, last = [synset], 1.0, False
        for step in range(NUM_STEPS + 1):
            names = map(self._synonyms, level) if step == 0 else map(self._name, level)
            found = [other for others in names for other in others if other != word]
            yield from ((_CITY_OF.get(other, other), weight) for other in found)
            if last:
                return
            last = bool(found)
            level = [
                further
                for near in level
                for further in self._further(near, part)
                if not self._is_broad(further)
            ]
            weight *= STEP_WEIGHT

    def _synonyms(self, synset: Synset) -> list[str]:
        spelled = map(_spelled, synset.words)
        return [word for word in dict.fromkeys(spelled) if word in self._vocabulary]

    def _name(self, synset: Synset) -> list[str]:
        """The first name of what a word is a kind of, or the last word of it ("reference book")."""
        first = _spelled(synset.words[0])
        names = (first, first.rpartition(" ")[2], *self._synonyms(synset))
        return [name for name in names if name in self._vocabulary][:1]

    def _further(self, synset: Synset, part_of_speech: str) -> Iterator[Synset]:
        wanted = _UP if part_of_speech in ("noun", "verb") else _ASIDE
        for pointer in synset.pointers:
            if pointer.symbol in wanted:
                yield self._at(pointer)

    def _at(self, pointer: Pointer) -> Synset:
        return self._wordnet.synset_at(pointer.offset, part_of_speech=pointer.part_of_speech)

    def _is_a_taxon(self, synset: Synset) -> bool:
        """Whether it is a genus, family or the like: "Paris" is a genus of flowers."""
        if synset.category not in ("noun.animal", "noun.plant"):
            return False
        above = (self._at(pointer) for pointer in synset.pointers if pointer.symbol in _UP)
        return any(near.words[0].lower().rpartition("_")[2] in _TAXA for near in above)

    def _is_broad(self, synset: Synset) -> bool:
        """Whether a noun has too many kinds to stand for one of them."""
        if not synset.category.startswith("noun") or _BROAD_BUT_SEEN.intersection(synset.words):
            return False
        offset = synset.offset
        if offset not in self._broad:
            self._broad[offset] = not self._wordnet.has_fewer_kinds(offset, than=MOST_KINDS)
        return self._broad[offset]


def _is_a_name(synset: Synset) -> bool:
    return any(pointer.symbol == _INSTANCE for pointer in synset.pointers)


def _spelled(word: str) -> str:
    return word.lower().replace("_", " ")


def kinds_record(
    table: KindsTable, vocabulary: Vocabulary, source: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the record beside the table says of it.

    Args:
        source: what it says of WordNet.
    """
    return {
        "name": NAME,
        "language": "en",
        "num_words": len(table.words),
        "sha256": hashlib.sha256(table.content()).hexdigest(),
        "made_by": f"lexret vocab build {NAME} --wordnet WORDNET",
        "rule": (__doc__ or "").strip(),
        "stand_for_others": {"num_words": len(vocabulary), "fingerprint": vocabulary.fingerprint},
        "sources": [dict(source)],
        "licence": source["licence"],
    }
