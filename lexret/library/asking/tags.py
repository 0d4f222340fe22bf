"""Tags of a picture: the words that it holds, the surest first."""

from __future__ import annotations

from lexret.explain.sureness import surest_words
from lexret.sparse import FloatArray, LexicalVector, WordWeight


def tags_of(
    vector: LexicalVector, levels_V: FloatArray | None, k: int | None = None
) -> list[WordWeight]:
    """Return the words that a picture holds at their levels, the surest first.

    Args:
        levels_V: the words' levels; None: every weight holds its word.
        k: at most so many words; None: all.
    """
    return [word for word, held in surest_words(vector, levels_V) if held][:k]
