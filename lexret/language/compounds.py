"""Compounds: words that are written together, such as "cookbook" or German "Strandhund"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

NUM_PARTS: Final = 3
SHORTEST_PART: Final = 3
_LONG_PART: Final = 4
# The ways to cut a word grow with the square of its length; no compound of a language is longer.
_LONGEST_WORD: Final = 80


def split_compound(
    word: str, cost: Callable[[str], float | None], *, links: Sequence[str] = ("",)
) -> tuple[str, ...]:
    """Split a compound into known words, into as few as can be; nothing where it cannot be.

    Of splits into equally many words, the one whose costliest word costs least is taken. One
    word at least has four letters.

    Args:
        cost: of a word that may be a part, such as its place by frequency; ``None`` of others.
        links: what may stand between two words and belongs to neither.
    """
    if len(word) > _LONGEST_WORD:
        return ()
    for num_parts in range(2, NUM_PARTS + 1):
        found = [
            (max(costs), parts)
            for parts in _splits(word, num_parts, links)
            if max(map(len, parts)) >= _LONG_PART
            and len(costs := [one for part in parts if (one := cost(part)) is not None])
            == num_parts
        ]
        if found:
            return min(found)[1]
    return ()


def _splits(word: str, num_parts: int, links: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the ways to cut a word into so many parts, links left out."""
    if num_parts == 1:
        yield (word,)
        return
    for end in range(SHORTEST_PART, len(word) - SHORTEST_PART * (num_parts - 1) + 1):
        for link in links:
            rest = word[end:]
            if rest.startswith(link) and len(rest) - len(link) >= SHORTEST_PART * (num_parts - 1):
                further = _splits(rest.removeprefix(link), num_parts - 1, links)
                yield from ((word[:end], *parts) for parts in further)
