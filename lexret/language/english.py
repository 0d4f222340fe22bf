"""Finds entries of a vocabulary for English words that it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from importlib import resources
from typing import Final

from lexret.language.compounds import split_compound
from lexret.language.kinds import Kinds, shipped_kinds
from lexret.language.readings import WordReading
from lexret.language.spelling import bases, folded, forms, spellings
from lexret.vocabulary import STOP_WORDS, Vocabulary

_LIST: Final = "english-21k.txt"


class English:
    """The English words beside a vocabulary's own.

    Args:
        vocabulary: the entries that may stand for others.
        kinds: the table of kinds; without it the one that ships with lexret.
    """

    def __init__(self, vocabulary: Vocabulary, kinds: Kinds | None = None) -> None:
        self._vocabulary = vocabulary
        self._given = kinds

    def place(self, word: str) -> WordReading | None:
        """Find entries for a word: another form or spelling, its parts, what it is a kind of.

        Returns:
            the first that is found, in this order; ``None`` where nothing is.
        """
        other = self.other_form(word)
        if other is not None:
            return WordReading((other,))
        parts = split_compound(word, self._cost)
        if parts:
            return WordReading(parts, together=True)
        found = self._kinds.known_of(word, self._vocabulary)
        if not found:
            others = (base for base in (*spellings(word), *bases(word)) if base in self._kinds)
            found = next(filter(None, map(self._known_of, others)), ())
        return WordReading(found) if found else None

    def other_form(self, word: str) -> str | None:
        """Return the entry that is another spelling or form of a word."""
        accented = self._accented.get(folded(word))
        if accented is not None:
            return accented
        spelled = list(spellings(word))
        cut = [base for spelling in (word, *spelled) for base in bases(spelling)]
        found = self._first([*spelled, *cut])
        # What is no word has no forms either: "dogg" is not the stem of "dogged".
        return found or (self._first(forms(word)) if self._is_listed(word) else None)

    def holds(self, word: str) -> bool:
        """Whether a word is English, as far as can be told, and if the vocabulary lacks it."""
        if word in self._vocabulary or word in STOP_WORDS or word.isdigit():
            return True
        return self._is_listed(word) or self.other_form(word) is not None

    def _is_listed(self, word: str) -> bool:
        return f"\n{word}\n" in self._list or word in self._kinds

    def _first(self, words: Iterable[str]) -> str | None:
        return next((word for word in words if word in self._vocabulary), None)

    def _known_of(self, word: str) -> tuple[str, ...]:
        return self._kinds.known_of(word, self._vocabulary)

    def _cost(self, part: str) -> float | None:
        """The place of a part by frequency; small words are no parts."""
        return None if part in STOP_WORDS else self._vocabulary.term_id(part)

    @cached_property
    def _kinds(self) -> Kinds:
        return self._given or shipped_kinds()

    @cached_property
    def _list(self) -> str:
        file = resources.files("lexret").joinpath("vocabularies", _LIST)
        return f"\n{file.read_text(encoding='utf-8')}"

    @cached_property
    def _accented(self) -> dict[str, str]:
        """The entries with accents, by what they are without."""
        return {folded(word): word for word in self._vocabulary if not word.isascii()}
