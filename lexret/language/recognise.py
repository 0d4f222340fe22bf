"""Recognises texts that are not English: by their script, and by the small words of a language."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lexret.language.languages import LANGUAGES, SMALL_WORDS, TELLING_LETTERS

# What the names of letters begin with, and what to call a text in them.
_SCRIPTS: Final = {
    "CYRILLIC": "a language in Cyrillic letters",
    "GREEK": "Greek",
    "ARABIC": "a language in Arabic letters",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "a language in Devanagari letters",
    "BENGALI": "Bengali",
    "TAMIL": "Tamil",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese or Japanese",
    "ARMENIAN": "Armenian",
    "GEORGIAN": "Georgian",
}
_LATIN: Final = frozenset({"LATIN", "FULLWIDTH"})


@dataclass(frozen=True, slots=True)
class Recognised:
    """A language other than English.

    Attributes:
        name: what to call it.
        code: its code, "" where the letters alone tell.
    """

    name: str
    code: str = ""


def recognise(words: Sequence[str], foreign: frozenset[str]) -> Recognised | None:
    """Tell which language a text is in; ``None`` where it may well be English.

    Args:
        words: the text's words.
        foreign: those among them that are no English words, as far as can be told.
    """
    if not foreign:
        return None
    script = _other_script(foreign)
    if script:
        return Recognised(script)
    best = max(LANGUAGES, key=lambda code: _evidence(words, foreign, code))
    small = SMALL_WORDS.get(best)
    if small is None or _evidence(words, foreign, best) <= 0:
        return None
    theirs = [word for word in words if word in foreign | small.own | small.rare_in_english]
    return Recognised(LANGUAGES[best], best) if 2 * len(theirs) >= len(words) else None


def _evidence(words: Sequence[str], foreign: frozenset[str], code: str) -> float:
    """How much tells that a text is in a language: 1 for a word or letter that only it has."""
    small = SMALL_WORDS.get(code)
    if small is None:
        return 0.0
    present = set(words)
    letters = {letter for word in foreign for letter in word}
    own = len(present & small.own) + 0.5 * len(letters & TELLING_LETTERS.get(code, frozenset()))
    # A word that English has too, such as "am", tells something beside words that it has not.
    return own + 0.25 * len(present & small.rare_in_english)


def _other_script(words: frozenset[str]) -> str:
    """Return what to call a text most of whose letters are not Latin, else ""."""
    letters = [letter for word in words for letter in word if letter.isalpha()]
    scripts = [unicodedata.name(letter, "").partition(" ")[0] for letter in letters]
    others = [script for script in scripts if script not in _LATIN]
    if not others or 2 * len(others) < len(letters):
        return ""
    kana = next((script for script in others if script in ("HIRAGANA", "KATAKANA")), None)
    most = kana or max(others, key=others.count)
    return _SCRIPTS.get(most.partition("-")[0], "a language in letters other than Latin")
