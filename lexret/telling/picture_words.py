"""Words of a picture for a caption: those that it holds, surest first, with their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexret.explain.sureness import surest_words
from lexret.sparse import FloatArray, LexicalVector
from lexret.telling.tell import TellingWord

if TYPE_CHECKING:
    from lexret.encoders.protocol import PatchEncoding


def words_of_vector(vector: LexicalVector, levels_V: FloatArray | None) -> list[TellingWord]:
    """Return the words that a picture holds at their levels, the surest first."""
    return [TellingWord(word.word) for word, held in surest_words(vector, levels_V) if held]


def words_of_patches(encoding: PatchEncoding, levels_V: FloatArray | None) -> list[TellingWord]:
    """Return the same with the third of the picture in which each word is seen."""
    from lexret.explain.explanation import places_won

    places = places_won(encoding)
    thirds = ("left", "middle", "right")
    num_cols = encoding.grid.num_cols
    return [
        TellingWord(word.word, thirds[min(2, 3 * places[word.word][1] // num_cols)])
        for word, held in surest_words(encoding.image, levels_V)
        if held
    ]
