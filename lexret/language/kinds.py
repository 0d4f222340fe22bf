"""The shipped table of kinds: what can stand for an English word that a vocabulary lacks.

How it is made is said in :mod:`lexret.vocabularies.kinds` and, with its source and licence, in
``vocabularies/english-kinds.json``.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import Final

from lexret.vocabulary import Vocabulary

FILE: Final = "english-kinds.gz"
_MOST_STEPS: Final = 3
_LEAST_SHARE: Final = 0.5


class Kinds:
    """The table, which is searched as the text that it is.

    Args:
        content: ``word TAB other weight, other weight`` a line, weights from 1 to 9; the lines
            are in the order of their words.
    """

    def __init__(self, content: bytes) -> None:
        self._content = b"\n" + content

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._find(word) >= 0

    def of(self, word: str) -> list[tuple[str, int]]:
        """Return the words that can stand for one, with their weights, the best first."""
        start = self._find(word)
        if start < 0:
            return []
        end = self._content.index(b"\n", start)
        pairs = self._content[start:end].decode().split(",")
        return [(other, int(weight)) for other, _, weight in (p.rpartition(" ") for p in pairs)]

    def known_of(self, word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Return the entries of a vocabulary that can stand for a word, the best first.

        A vocabulary that has none of a word's own may have those of one of them.
        """
        level, seen = {word: 1.0}, {word}
        for _ in range(_MOST_STEPS):
            further: dict[str, float] = {}
            for near, weight in level.items():
                for other, share in self.of(near):
                    if other not in seen:
                        further[other] = max(further.get(other, 0.0), weight * share)
            seen |= further.keys()
            found = {other: weight for other, weight in further.items() if other in vocabulary}
            if found:
                least = _LEAST_SHARE * max(further.values())
                ranked = sorted(found, key=lambda other: -found[other])
                return tuple(other for other in ranked if found[other] > least) or (ranked[0],)
            level = further
        return ()

    def _find(self, word: str) -> int:
        """Return where the others of a word begin, -1 if it has none: halve what is left."""
        content, wanted = self._content, word.encode("utf-8", "replace")
        low, high = 1, len(content)
        while low < high:
            start = content.rfind(b"\n", 0, (low + high) // 2) + 1
            end = content.index(b"\t", start)
            found = content[start:end]
            if found == wanted:
                return end + 1
            if found < wanted:
                low = content.index(b"\n", end) + 1
            else:
                high = start
        return -1


@cache
def shipped_kinds() -> Kinds:
    """Load the table that ships with lexret."""
    file = resources.files("lexret").joinpath("vocabularies", FILE)
    return Kinds(gzip.decompress(file.read_bytes()))
