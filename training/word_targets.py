"""Targets of the fit of words (fit_words.py): of which pictures a word is true, by captions,
outlined objects and WordNet's synonyms and parents, and how much its absence there says.

Legend: N pictures, V words of the vocabulary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy import sparse

from lexret.captions.caption_set import CaptionSet
from lexret.eval.control.word_truth import object_words
from lexret.vocabularies.wordnet import Synset, WordNet
from lexret.vocabulary import STOP_WORDS, Vocabulary

# Kinds of nouns that pictures show.
SHOWN: Final = {
    f"noun.{name}"
    for name in ("animal", "artifact", "body", "food", "object", "person", "plant", "substance")
} | {"noun.phenomenon"}
# Words of colours and numbers are nouns too, of the wrong sense.
_COLOURS_AND_NUMBERS: Final = (
    "white black brown blue red green yellow orange purple pink gray grey gold silver tan beige "
    "two three four five young small light dark"
)
NO_THINGS: Final = frozenset(_COLOURS_AND_NUMBERS.split())
# Kinds that a person would say of a picture; no other parent counts ("instrumentality").
_KINDS: Final = (
    "dog cat bird fish animal person child man woman food fruit vegetable vehicle furniture flower "
    "plant tree clothing building toy tool insect bear monkey horse cow snake boat ship car truck "
    "bus bicycle hat shoe footwear bag drink beverage dessert cake bread meat seafood fungus "
    "mushroom dish meal jewelry guitar weapon house bed table seat chair lamp machine aircraft "
    "airplane athlete player musician baby adult frog turtle spider butterfly nut pastry snack "
    "sandwich pasta sauce soup pan pot knife cutlery box bottle cup glass ball door window wall "
    "road path mountain water river street shop store restaurant room headgear dress skirt coat "
    "trousers pants jacket shirt sweater underwear glove sock boot sandal crockery tableware "
    "utensil appliance computer clock telephone phone camera screen display lizard elephant sheep "
    "goat pig rabbit squirrel duck chicken owl parrot penguin whale shark deer wolf fox tiger lion "
    "leopard cereal salad pizza hamburger pen book newspaper worker soldier dancer kid"
)
KINDS: Final = frozenset(_KINDS.split())
# Kinds that count although captions hardly say the word itself.
_SAID_OF_OTHERS: Final = (
    "person furniture vehicle food fruit vegetable animal clothing flower plant tree bird kid "
    "child dog cat fish insect toy tool building drink dessert seafood fungus"
)
SAID_OF_OTHERS: Final = frozenset(_SAID_OF_OTHERS.split())
_BROAD: Final = "thing object artifact matter unit structure equipment device instrument"
TOO_BROAD: Final = frozenset(_BROAD.split())
# Of a word's pictures so many must name it, not a synonym or kind of it: else it is not fitted.
LEAST_SAID: Final = 0.3

# How much it says that nothing names the word. Rows: things that somebody outlines, other things,
# other words. Columns: five people's captions, one person's, outlined objects, a name alone.
ABSENCE: Final = np.array(
    [[0.15, 0.15, 1.0, 0.25], [0.7, 0.5, 0.5, 1.0], [0.7, 0.3, 0.1, 0.3]], np.float32
)


@dataclass(frozen=True, eq=False)
class WordTargets:
    """Targets of words.

    Attributes:
        true_NV: 1 where a word is true.
        source_N: column of ABSENCE.
        kind_V: row of ABSENCE.
        singular_V: the singular of a plural, else -1: where it is true, the plural is unknown.
        said_V: share of a word's pictures that name the word itself or its plural.
    """

    true_NV: sparse.csr_matrix
    source_N: np.ndarray
    kind_V: np.ndarray
    singular_V: np.ndarray
    said_V: np.ndarray

    def fitted(self, least: int) -> np.ndarray:
        """Return the words that are true of at least so many pictures."""
        words: np.ndarray = np.flatnonzero(np.asarray(self.true_NV.sum(0)).ravel() >= least)
        return words


class Senses:
    """What else is true where a word of the vocabulary is."""

    def __init__(self, wordnet: WordNet, vocabulary: Vocabulary) -> None:
        self._wordnet, self._vocabulary = wordnet, vocabulary
        self.sense: dict[str, Synset] = {}
        self.plural: dict[str, str] = {}
        self.implied = cache(self._implied)
        for word in vocabulary:
            if word in STOP_WORDS or word in NO_THINGS:
                continue
            base = self._singular(word)
            found = self._shown(base or word)
            if found is None or wordnet.main_part_of_speech(word) != "noun":
                continue
            if base is not None:
                self.plural[word] = base
            else:
                self.sense[word] = found
        self._words = defaultdict(list)
        for word, synset in self.sense.items():
            self._words[synset.offset].append(word)

    def closed(self, term_ids: Iterable[int]) -> set[int]:
        """Return words with all that they imply."""
        words = self._vocabulary.words
        return {t for term_id in term_ids for t in self.implied(words[term_id])}

    def _shown(self, word: str) -> Synset | None:
        """Return the first of a noun's two main senses that pictures show."""
        offsets = self._wordnet.sense_offsets(word.replace(" ", "_"), part_of_speech="noun")
        senses = (self._wordnet.synset_at(o, part_of_speech="noun") for o in offsets[:2])
        return next((s for s in senses if s.category in SHOWN), None)

    def _singular(self, word: str) -> str | None:
        if self._wordnet.sense_offsets(word, part_of_speech="noun"):
            return None
        bases = [r.lemma for r in self._wordnet.readings(word) if r.part_of_speech == "noun"]
        return bases[0] if bases else None

    def _implied(self, word: str) -> frozenset[int]:
        base = self.plural.get(word, word)
        found = {word, base}
        synset = self.sense.get(base) or (self._shown(base) if word != base else None)
        if synset is not None:
            if synset.category != "noun.body":
                found |= set(self._words[synset.offset]) - TOO_BROAD
            found |= self._kinds(synset)
        elif " " in base:
            last = base.split()[-1]
            if last in self.sense or last in self.plural:
                found |= {self._vocabulary.words[t] for t in self.implied(last)}
        ids = (self._vocabulary.term_id(each) for each in found)
        return frozenset(t for t in ids if t is not None)

    def _kinds(self, synset: Synset) -> set[str]:
        found: set[str] = set()
        while True:
            parents = [p.offset for p in synset.pointers if p.symbol in ("@", "@i")]
            if not parents:
                return found
            synset = self._wordnet.synset_at(parents[0], part_of_speech="noun")
            if synset.category not in SHOWN:
                return found
            found |= set(self._words[synset.offset]) & KINDS


def word_targets(captions: CaptionSet, wordnet: WordNet, vocabulary: Vocabulary) -> WordTargets:
    """Collect the targets of a set of captioned pictures."""
    senses = Senses(wordnet, vocabulary)
    true, source, listed = [], [], set()
    said_V = np.zeros(len(vocabulary))
    for i in range(len(captions)):
        texts, objects = captions.captions(i), object_words(captions.objects(i), vocabulary)
        named = {int(t) for text in texts for t in vocabulary.match(text, parts=True)[0]} | objects
        true.append(senses.closed(named))
        listed |= objects
        said_V[list(named | _singulars(named, senses, vocabulary))] += 1
        by_name = 2 if objects else 3
        source.append(by_name if captions.by_template(i) else 0 if len(texts) > 2 else 1)
    rows = np.repeat(np.arange(len(true)), [len(words) for words in true])
    columns = np.array([t for words in true for t in sorted(words)], dtype=np.int64)
    shape = (len(true), len(vocabulary))
    true_NV = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    outlined = {senses.sense[w].offset for w in map(vocabulary.words.__getitem__, listed)
                if w in senses.sense}  # fmt: skip
    kind_V = np.full(len(vocabulary), 2)
    singular_V = np.full(len(vocabulary), -1)
    for term_id, word in enumerate(vocabulary):
        synset = senses.sense.get(word)
        if synset is not None or word in senses.plural:
            is_listed = term_id in listed or (synset is not None and synset.offset in outlined)
            kind_V[term_id] = 0 if is_listed else 1
        found = vocabulary.term_id(senses.plural[word]) if word in senses.plural else None
        singular_V[term_id] = -1 if found is None else found
    counts_V = np.asarray(true_NV.sum(0)).ravel()
    return WordTargets(
        true_NV, np.array(source), kind_V, singular_V, said_V / np.maximum(counts_V, 1)
    )


def _singulars(named: set[int], senses: Senses, vocabulary: Vocabulary) -> set[int]:
    bases = (senses.plural.get(vocabulary.words[term_id]) for term_id in named)
    ids = (vocabulary.term_id(base) for base in bases if base is not None)
    return {term_id for term_id in ids if term_id is not None}
