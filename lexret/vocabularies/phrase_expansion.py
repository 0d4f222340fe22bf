"""Phrases for a vocabulary: 'hot dog', 'polar bear', 'fire hydrant', 'traffic light' as one entry.

The V2L Tokenizer (Zhu et al. 2024, arXiv 2403.07874, section 3.2) expands a language model's
vocabulary with bigrams and trigrams that the model proposes, and keeps those that pictures select.
Here captions, WordNet and the classes of picture collections propose, and these rules select:

1. A phrase has two or three words of letters and neither begins nor ends with a function word.
   Unless `min_pictures` pictures have a caption that holds it, its content words are words of the
   vocabulary (a single letter may stand for one: "t shirt"), and it is not spelled as one word
   there ("motor cycle").
2. The phrase, or its singular, is a noun of WordNet that names a kind of thing, and at least
   `min_pictures` pictures have a caption that holds it, where its words stand together more often
   than chance has it (normalised pointwise mutual information at least `min_noun_association`).
3. Or it is the name of a class of ImageNet-1k: the first name of the class, or one that some
   caption or some definition of WordNet uses. Or it is the name of one of the 11,821 larger
   classes of ImageNet, an animal, an artifact or a food, not an adjective with a noun, used in
   `min_glosses` definitions; and fewer than `narrow` other things are kinds of it, nor does its
   last word name all kinds of things (`GENERIC_HEADS`): "musical instrument" and "sprinkler
   system" are no entries, and "record player" is one.
4. Or captions alone make it a phrase: at least `min_pictures` pictures have it, its words belong
   together (normalised pointwise mutual information at least `min_association`, Dunning's G2 at
   least 10.83), all of them are mainly nouns in WordNet's tagged texts, and no longer phrase
   holds most of its uses. A trigram must hold half of the uses of one of its pairs.
5. Or it is the name of a class of COCO, or stands in the short list `MODERN_PHRASES`: younger than
   WordNet 3.0, or missing from it. Of these, rule 1 is not asked.
6. A phrase that only describes what its last word names ("young girl", "blue shirt") is none,
   except by rules 3 and 5; nor is one of the short list `UNWANTED_PHRASES`.

Phrases are ranked by the number of captioned pictures and definitions that hold them, with a bonus
of `class_bonus` for rules 3 and 5; they follow the vocabulary's own words, whose ids stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lexret.errors import InputError
from lexret.vocabularies.frequent_words import WordRule
from lexret.vocabularies.phrase_sources import NounPhrase, PictureClasses, noun_phrases
from lexret.vocabularies.phrase_statistics import LENGTHS, Key, PhraseStatistics, phrase_key
from lexret.vocabularies.word_lists import (
    COCO_CLASS_PHRASES,
    DESCRIBING_WORDS,
    GENERIC_HEADS,
    MODERN_PHRASES,
    UNWANTED_PHRASES,
    UNWANTED_WORDS,
)
from lexret.vocabularies.wordnet import WordNet
from lexret.vocabulary import STOP_WORDS, Vocabulary

_SIGNIFICANT: Final = 10.83
_MOST_USES: Final = 0.5
_LISTED: Final = COCO_CLASS_PHRASES | MODERN_PHRASES
_PICTURED_CATEGORIES: Final = frozenset({"noun.animal", "noun.artifact", "noun.food"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpansionRule:
    """Numbers of the module's rules."""

    min_pictures: int = 3
    min_association: float = 0.6
    min_noun_association: float = 0.3
    min_glosses: int = 2
    narrow: int = 20
    class_bonus: int = 5


@dataclass(frozen=True, slots=True)
class Phrase:
    """Phrase that was chosen, and why.

    Attributes:
        sources: those of "classes", "list", "wordnet" and "captions" whose rule it passes.
    """

    text: str
    num_pictures: int
    num_glosses: int
    sources: tuple[str, ...]

    def score(self, rule: ExpansionRule) -> int:
        """Return the number that phrases are ranked by."""
        bonus = rule.class_bonus if {"classes", "list"} & set(self.sources) else 0
        return self.num_pictures + self.num_glosses + bonus


def expand(
    vocabulary: Vocabulary,
    *,
    rule: ExpansionRule,
    pictures: Iterable[Iterable[str]] = (),
    wordnet: WordNet | None = None,
    classes: PictureClasses | None = None,
    num_phrases: int | None = None,
) -> list[Phrase]:
    """Choose phrases by the module's rules, the best first.

    Args:
        pictures: for each picture its captions.
        wordnet: without it, captions' phrases are judged by their statistics alone.
        classes: the names of picture classes; with them comes the list of rule 5.
        num_phrases: at most so many; None for all that pass.

    Raises:
        InputError: if no phrase passes.
    """
    statistics = PhraseStatistics(pictures)
    nouns = noun_phrases(wordnet, narrow=rule.narrow) if wordnet else {}
    chooser = _Chooser(vocabulary, rule, statistics, wordnet, nouns)
    chosen = chooser.choose(classes)
    ranked = sorted(chosen, key=lambda phrase: (-phrase.score(rule), phrase.text))[:num_phrases]
    if not ranked:
        raise InputError(
            f"No phrase passes the rules ({statistics.num_pictures} pictures with captions, "
            f"WordNet {'read' if wordnet else 'not given'}, class names "
            f"{'read' if classes else 'not given'}); give more captions or more sources."
        )
    return ranked


class _Chooser:
    """Chooser of phrases by the module's rules.

    Args:
        nouns: WordNet's nouns of several words, by their key.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        rule: ExpansionRule,
        statistics: PhraseStatistics,
        wordnet: WordNet | None,
        nouns: Mapping[Key, NounPhrase],
    ) -> None:
        self._vocabulary = vocabulary
        self._rule = rule
        self._statistics = statistics
        self._wordnet = wordnet
        self._words = WordRule(wordnet) if wordnet else None
        self._nouns = nouns

    def choose(self, classes: PictureClasses | None) -> list[Phrase]:
        """Apply each source's rule; a phrase and its plural are one."""
        found: dict[Key, tuple[str, list[str]]] = {}
        groups = {
            "classes": self._of_classes(classes) if classes else iter(()),
            "list": iter(sorted(_LISTED) if classes else ()),
            "wordnet": self._of_wordnet(),
            "captions": self._of_captions(),
        }
        for source, phrases in groups.items():
            for phrase in filter(self._is_well_formed, phrases):
                found.setdefault(phrase_key(phrase.split()), (phrase, []))[1].append(source)
        return [
            Phrase(
                text,
                self._statistics.num_pictures_with(text),
                self._num_glosses(key),
                tuple(dict.fromkeys(sources)),
            )
            for key, (text, sources) in found.items()
        ]

    def _of_classes(self, classes: PictureClasses) -> Iterator[str]:
        for names in classes.common:
            for i, name in enumerate(names):
                if i == 0 or self._statistics.num_pictures_with(name) or self._glosses_of(name):
                    yield name

        for key in sorted(classes.many & self._nouns.keys()):
            noun = self._nouns[key]
            used = noun.num_glosses >= self._rule.min_glosses and noun.is_narrow
            if used and noun.category in _PICTURED_CATEGORIES and self._is_compound(noun):
                yield noun.text

    def _of_wordnet(self) -> Iterator[str]:
        rule, statistics = self._rule, self._statistics
        for noun in self._nouns.values():
            if (
                statistics.num_pictures_with(noun.text) >= rule.min_pictures
                and statistics.association(noun.text) >= rule.min_noun_association
                and noun.is_kind
                and not _describes(noun.text.split())
            ):
                yield noun.text

    def _of_captions(self) -> Iterator[str]:
        candidates = self._statistics.phrases(min_pictures=self._rule.min_pictures)
        kept = [phrase for phrase in candidates if self._is_collocation(phrase)]
        for phrase in kept:
            if self._statistics.share_in_longer(phrase) < _MOST_USES:
                yield phrase

    def _is_compound(self, noun: NounPhrase) -> bool:
        """Whether a noun that captions do not hold is made of nouns ("sewing machine" is)."""
        first = noun.text.split()[0]
        is_noun = first.endswith("ing") or self._is_noun(first)
        head = noun.text.split()[-1]
        return is_noun and noun.is_kind and not _describes([first]) and head not in GENERIC_HEADS

    def _is_collocation(self, phrase: str) -> bool:
        words = phrase.split()
        statistics = self._statistics
        if _describes(words) or statistics.association(phrase) < self._rule.min_association:
            return False
        if statistics.log_likelihood(phrase) < _SIGNIFICANT:
            return False
        if len(words) > 2 and not statistics.is_mostly_whole(phrase, _MOST_USES):
            return False
        return all(map(self._is_noun, words))

    def _is_noun(self, word: str) -> bool:
        return self._wordnet is None or self._wordnet.main_part_of_speech(word) == "noun"

    def _is_well_formed(self, phrase: str) -> bool:
        words = phrase.split()
        if len(words) not in LENGTHS or phrase in UNWANTED_PHRASES or phrase in self._vocabulary:
            return False
        if self._is_offensive(words) or not all(map(str.isalpha, words)):
            return False
        if phrase in _LISTED:
            return True
        if words[0] in STOP_WORDS or words[-1] in STOP_WORDS:
            return False
        if self._statistics.num_pictures_with(phrase) >= self._rule.min_pictures:
            return True
        return "".join(words) not in self._vocabulary and all(map(self._is_known, words))

    def _is_known(self, word: str) -> bool:
        return word in self._vocabulary or word in STOP_WORDS or len(word) == 1

    def _is_offensive(self, words: list[str]) -> bool:
        if any(word in UNWANTED_WORDS for word in words):
            return True
        return self._words is not None and any(
            map(self._words.is_offensive, (*words, "_".join(words)))
        )

    def _glosses_of(self, phrase: str) -> int:
        return self._num_glosses(phrase_key(phrase.split()))

    def _num_glosses(self, key: Key) -> int:
        noun = self._nouns.get(key)
        return noun.num_glosses if noun else 0


def _describes(words: list[str]) -> bool:
    return words[0] in DESCRIBING_WORDS
