"""The rule of the default vocabulary: frequent whole English words that WordNet knows.

A word belongs to it if

1. it consists of ASCII letters and has at least three of them (a short list of two-letter words
   excepted), and it is no Roman numeral;
2. it is no function word (`STOP_WORDS`);
3. WordNet lists it, or a base form of it (morphy), as more than the name of one person, place or
   work and as more than an abbreviation in capitals;
4. no part of speech has a slur or an obscenity as its first sense.

Words of the short lists in `word_lists` are in or out whatever steps 3 and 4 say. Of the
words that belong, two thirds of the vocabulary go to the most frequent ones; the last third
goes to the most frequent of the rest that name something a picture can show (by the category of
the first noun or verb sense): "surfboard" is rarer than "jurisprudence", and of more use here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lexret.errors import InputError
from lexret.vocabularies.word_lists import (
    HARMLESS_WORDS,
    KEPT_ABBREVIATIONS,
    KEPT_NAMES,
    MODERN_WORDS,
    PLACE_WORDS,
    TWO_LETTER_WORDS,
    UNWANTED_WORDS,
)
from lexret.vocabularies.wordnet import Reading, Synset, WordNet
from lexret.vocabulary import STOP_WORDS

_KEPT: Final = KEPT_ABBREVIATIONS | KEPT_NAMES | MODERN_WORDS | PLACE_WORDS
_ROMAN_NUMERAL: Final = re.compile(r"[ivx]{2,}")
_LONGEST_ABBREVIATION: Final = 3
_INSTANCE_OF: Final = "@i"
_DERIVED_FROM: Final = "+"
_USAGE_DOMAIN: Final = ";u"
# The lemmas of the noun synsets to which WordNet's usage-domain pointers of offensive words lead.
_OFFENSIVE_USAGES: Final = ("ethnic_slur", "disparagement", "obscenity")
VISIBLE_CATEGORIES: Final = frozenset(
    {
        *("noun.animal", "noun.artifact", "noun.body", "noun.food", "noun.object", "noun.person"),
        *("noun.phenomenon", "noun.plant", "noun.shape", "noun.substance"),
        *("verb.body", "verb.competition", "verb.consumption", "verb.contact", "verb.motion"),
        *("verb.perception", "verb.weather"),
    }
)


class WordRule:
    """Rule that decides which words belong to the default vocabulary (see the module)."""

    def __init__(self, wordnet: WordNet) -> None:
        self._wordnet = wordnet
        self._offensive_usages = frozenset(
            offset
            for lemma in _OFFENSIVE_USAGES
            for offset in wordnet.sense_offsets(lemma, part_of_speech="noun")
        )

    def accepts(self, word: str) -> bool:
        """Whether `word` (lower case) may be in the vocabulary."""
        if not _is_whole_word(word) or word in STOP_WORDS or word in UNWANTED_WORDS:
            return False
        if word in _KEPT:
            return True
        readings = self._wordnet.readings(word)
        if self.is_offensive(word):
            return False
        exact = [reading for reading in readings if reading.lemma == word]
        return any(map(self._is_common, exact or readings))

    def is_offensive(self, word: str) -> bool:
        """Whether WordNet marks the first sense of some reading as a slur or an obscenity."""
        return word not in HARMLESS_WORDS and any(
            map(self._is_offensive, self._wordnet.readings(word))
        )

    def is_visible(self, word: str) -> bool:
        """Whether a picture can show what `word` means, in the first sense of some reading.

        An adjective or adverb is as visible as the noun it is derived from (grassy, grass).
        """
        return word in _KEPT or any(
            VISIBLE_CATEGORIES.intersection(self._categories(self._first_sense(reading)))
            for reading in self._wordnet.readings(word)
        )

    def _categories(self, synset: Synset) -> Iterator[str]:
        if synset.category:
            yield synset.category
            return
        for pointer in synset.pointers:
            if pointer.symbol == _DERIVED_FROM and pointer.part_of_speech == "noun":
                source = self._wordnet.synset_at(pointer.offset, part_of_speech="noun")
                yield source.category

    def _first_sense(self, reading: Reading) -> Synset:
        return next(self._wordnet.senses(reading))

    def _is_common(self, reading: Reading) -> bool:
        """Whether WordNet spells the lemma in lower case, or as the capitalised name of a kind."""
        for synset in self._wordnet.senses(reading):
            if reading.lemma in synset.words:
                return True
        first = self._first_sense(reading)
        return (
            len(reading.lemma) > _LONGEST_ABBREVIATION
            and reading.lemma.capitalize() in first.words
            and all(pointer.symbol != _INSTANCE_OF for pointer in first.pointers)
        )

    def _is_offensive(self, reading: Reading) -> bool:
        first = self._first_sense(reading)
        places = {0}.union(
            number for number, word in enumerate(first.words, 1) if word.lower() == reading.lemma
        )
        return any(
            pointer.symbol == _USAGE_DOMAIN
            and pointer.part_of_speech == "noun"
            and pointer.offset in self._offensive_usages
            and pointer.source_word in places
            for pointer in first.pointers
        )


def build_vocabulary(
    ranked_words: Iterable[str], *, wordnet: WordNet, size: int
) -> tuple[str, ...]:
    """Choose the words of the default vocabulary; they keep the order of `ranked_words`.

    Args:
        ranked_words: lower-case words by falling frequency; a repeated word counts once.
        wordnet: which words are words, and which of them are names or offensive.
        size: how many words to take.

    Raises:
        InputError: if fewer than `size` words pass the rule.
    """
    rule = WordRule(wordnet)
    accepted = [word for word in dict.fromkeys(ranked_words) if rule.accepts(word)]
    num_frequent = size - size // 3
    rest = accepted[num_frequent:]
    # Kept words first, then the frequent ones: both sorts are stable, so frequency breaks ties.
    visible = sorted(filter(rule.is_visible, rest), key=lambda word: word not in _KEPT)
    taken = {*accepted[:num_frequent], *visible[: size // 3]}
    if len(taken) < size:
        raise InputError(
            f"only {len(taken)} words pass the rule, {size} were asked for; "
            "give a longer frequency list or a smaller size"
        )
    return tuple(word for word in accepted if word in taken)


def _is_whole_word(word: str) -> bool:
    if not (word.isascii() and word.isalpha() and word.islower()):
        return False
    if len(word) <= len("tv"):
        return word in TWO_LETTER_WORDS
    return _ROMAN_NUMERAL.fullmatch(word) is None
