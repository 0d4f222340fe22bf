"""Slips of the hand: what was meant by a word that was typed wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST: Final = 3


def slips(word: str) -> Iterator[list[str]]:
    """Yield lists of words that may have been meant by one, the likeliest slips first.

    Two letters that stand side by side were swapped; two others were ("bycicle"); a letter is too
    many or is missing; a letter is wrong. Words of fewer than three letters say too little.
    """
    if len(word) < _SHORTEST:
        return
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    yield [a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1]
    yield [
        word[:one] + word[other] + word[one + 1 : other] + word[one] + word[other + 1 :]
        for one in range(len(word))
        for other in range(one + 2, len(word))
    ]
    fewer = [a + b[1:] for a, b in splits if b and len(word) > _SHORTEST]
    yield fewer + [a + letter + b for a, b in splits for letter in _LETTERS]
    yield [a + letter + b[1:] for a, b in splits if b for letter in _LETTERS]
