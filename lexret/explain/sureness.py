"""Sureness of words: which words of a picture are likeliest to be true, and which it holds.

A picture holds a word where the word's weight reaches the word's level
(:mod:`lexret.encoders.folder.word_levels`); without levels it holds all of its words.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lexret.sparse import FloatArray, LexicalVector, WordWeight

# Words that are hardly ever active, or of which little is known, have levels near 0 ("above").
_LEAST_LEVEL: Final = 0.05


def sureness(vector: LexicalVector, levels_V: FloatArray | None) -> FloatArray:
    """Return (len(vector),) how sure each word of a picture is, for comparison within the picture.

    The weight over the square root of the word's level: halfway between how strong a word is and
    how far it is above where it begins to be right. A reader let 77% of five such words stand, and
    71% of the five strongest (eval/words_judged.json). Without levels it is the weight.
    """
    if levels_V is None:
        return vector.weights
    levels = np.maximum(levels_V[vector.term_ids], np.float32(_LEAST_LEVEL))
    return (vector.weights / np.sqrt(levels)).astype(np.float32)


def surest_words(
    vector: LexicalVector, levels_V: FloatArray | None
) -> list[tuple[WordWeight, bool]]:
    """Return all words of a picture, the surest first, and whether the picture holds each."""
    order = np.argsort(-sureness(vector, levels_V), kind="stable").tolist()
    words = vector.vocabulary.words
    listed = []
    for place in order:
        term_id, weight = int(vector.term_ids[place]), float(vector.weights[place])
        held = levels_V is None or weight >= float(levels_V[term_id])
        listed.append((WordWeight(words[term_id], weight), held))
    return listed


def held_words(vector: LexicalVector, levels_V: FloatArray | None) -> frozenset[str]:
    """Return the words that a picture holds at their levels."""
    return frozenset(word.word for word, held in surest_words(vector, levels_V) if held)
