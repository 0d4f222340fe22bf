"""Statistics of phrases in captions: counts of bigrams and trigrams, and measures of association.

A phrase is counted without the number of its last word: "hula hoop" and "hula hoops" are one, which
is then spelled in its most frequent form. Phrases neither begin nor end with a function word.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from lexret.vocabulary import STOP_WORDS, number_free, tokenize

LENGTHS: Final = (2, 3)
Key = tuple[str, ...]


def phrase_key(words: Sequence[str]) -> Key:
    """Return the words without the last one's number: equal for a phrase and its plural."""
    return (*words[:-1], number_free(words[-1]))


class PhraseStatistics:
    """Statistics of phrases over texts, grouped by picture.

    Args:
        pictures: for each picture the texts that describe it.
    """

    def __init__(self, pictures: Iterable[Iterable[str]]) -> None:
        self.num_pictures = 0
        self._num_words = 0
        self._words: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._uses: Counter[Key] = Counter()
        self._spread: Counter[Key] = Counter()
        self._spellings: defaultdict[Key, Counter[str]] = defaultdict(Counter)
        for texts in pictures:
            self.num_pictures += 1
            self._spread.update({key for text in texts for key in self._count(text)})

    def _count(self, text: str) -> list[Key]:
        tokens = tokenize(text)
        self._num_words += len(tokens)
        plain = [number_free(token) for token in tokens]
        self._words.update(plain)
        self._pairs.update(itertools.pairwise(plain))
        keys = []
        for length in LENGTHS:
            for start in range(len(tokens) - length + 1):
                words = tokens[start : start + length]
                if words[0] in STOP_WORDS or words[-1] in STOP_WORDS:
                    continue
                key = phrase_key(words)
                self._spellings[key][" ".join(words)] += 1
                keys.append(key)
        self._uses.update(keys)
        return keys

    def phrases(self, *, min_pictures: int) -> list[str]:
        """Return the phrases that so many pictures' texts hold, in their most frequent spelling."""
        return sorted(
            min(self._spellings[key].items(), key=lambda item: (-item[1], item[0]))[0]
            for key, pictures in self._spread.items()
            if pictures >= min_pictures
        )

    def num_pictures_with(self, phrase: str) -> int:
        """Return how many pictures have a text that holds the phrase."""
        return self._spread[phrase_key(phrase.split())]

    def association(self, phrase: str) -> float:
        """Normalised pointwise mutual information, at most 1 (the words never stand alone).

        log(p(phrase) / prod p(word)) / (-(n - 1) log p(phrase)) for n words: Bouma, "Normalized
        (Pointwise) Mutual Information in Collocation Extraction" (GSCL 2009), with total
        correlation for n > 2. A phrase without uses has -1.
        """
        words = phrase.split()
        uses = self._uses[phrase_key(words)]
        if not uses:
            return -1.0
        chance = sum(math.log(self._words[number_free(word)] / self._num_words) for word in words)
        found = math.log(uses / self._num_words)
        return (found - chance) / -(found * (len(words) - 1))

    def log_likelihood(self, phrase: str) -> float:
        """Dunning's G2 of the phrase's neighbouring words, the least over its pairs.

        10.83 means that such a pair comes about by chance once in a thousand times. Dunning,
        "Accurate Methods for the Statistics of Surprise and Coincidence" (Computational
        Linguistics 19, 1993).
        """
        words = [number_free(word) for word in phrase.split()]
        return min(
            _g2(self._pairs[pair], self._words[pair[0]], self._words[pair[1]], self._num_words)
            for pair in itertools.pairwise(words)
        )

    def share_in_longer(self, phrase: str) -> float:
        """Return the share of a phrase's uses that one longer phrase holds, between 0 and 1."""
        key = phrase_key(phrase.split())
        return self._longest_share[key] / self._uses[key] if self._uses[key] else 0.0

    def is_mostly_whole(self, phrase: str, share: float) -> bool:
        """Whether at least so much of the uses of one of its pairs are uses of the trigram."""
        uses = self._uses[phrase_key(phrase.split())]
        words = map(number_free, phrase.split())
        return uses > 0 and any(
            uses >= share * self._pairs[pair] for pair in itertools.pairwise(words)
        )

    @cached_property
    def _longest_share(self) -> Counter[Key]:
        """For each pair, the uses of the trigram that holds most of them."""
        most: Counter[Key] = Counter()
        for key, uses in self._uses.items():
            if len(key) > 2:
                for pair in (phrase_key(key[:-1]), key[1:]):
                    most[pair] = max(most[pair], uses)
        return most


def _g2(both: int, first: int, second: int, total: int) -> float:
    """2 sum k log(k / expected k) over the four cells of "first is there", "second is there"."""
    cells = (
        (both, first, second),
        (first - both, first, total - second),
        (second - both, total - first, second),
        (total - first - second + both, total - first, total - second),
    )
    return 2 * sum(
        found * math.log(found * total / (row * column)) for found, row, column in cells if found
    )
