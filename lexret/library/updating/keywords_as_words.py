"""Keywords as words: keywords that people gave a photo are put into its vector.

Where an index is told to take keywords as words, a keyword that is a word or phrase of the
vocabulary is as strong in the photo as its strongest word, as a word that somebody adds by hand.
What the model said of it is kept beside it, in a field, so that the vector is the model's again
where the keyword goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from lexret.language.spelling import folded
from lexret.pictures.metadata.keyword_lists import SEPARATOR
from lexret.sparse import FloatArray, LexicalVector
from lexret.vocabulary import Vocabulary

_ALONE: Final = 1.0  # the weight in a photo in which the model saw nothing


class KeywordReader:
    """Finds the entries of a vocabulary that keywords are; what was read is kept."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._known: dict[str, str | None] = {}

    def entries(self, keywords: str | None) -> tuple[str, ...]:
        """Return the entries that keywords are, each once.

        Case and accents do not matter, nor whether a phrase is in the plural. A keyword with
        others above it counts by its parts.

        Args:
            keywords: one a line, as an index has them.
        """
        lines = (keywords or "").split("\n")
        found = (self._entry(line) for line in lines if line and SEPARATOR not in line)
        return tuple(dict.fromkeys(entry for entry in found if entry is not None))

    def _entry(self, keyword: str) -> str | None:
        if keyword not in self._known:
            read = (self._whole(text) for text in (keyword, folded(keyword)))
            self._known[keyword] = next((entry for entry in read if entry is not None), None)
        return self._known[keyword]

    def _whole(self, text: str) -> str | None:
        """Return the one entry that a text is; None where it is several, or more than that."""
        known, unknown = self._vocabulary.match(text)
        return self._vocabulary.words[known[0]] if len(known) == 1 and not unknown else None


def with_words(vector: LexicalVector, entries: tuple[str, ...]) -> tuple[LexicalVector, str | None]:
    """Put words into a vector of the model, as strong as its strongest word.

    Args:
        entries: of its vocabulary.

    Returns:
        the vector, and what :func:`without_words` needs to take them out again; ``None`` where
        there are none.
    """
    if not entries:
        return vector, None
    weights_V = _dense(vector)
    strongest = float(vector.weights.max()) if len(vector) else _ALONE
    ids = {entry: vector.vocabulary.term_id(entry) for entry in entries}
    told = "\n".join(
        f"{float(weights_V[term_id])!r} {entry}" for entry, term_id in ids.items()
        if term_id is not None
    )  # fmt: skip
    weights_V[[term_id for term_id in ids.values() if term_id is not None]] = strongest
    return _sparse(weights_V, vector.vocabulary), told


def without_words(vector: LexicalVector, told: str | None) -> LexicalVector:
    """Take words out of a vector that :func:`with_words` put in: it is the model's again."""
    weights_V = None
    for entry, weight in told_weights(told).items():
        term_id = vector.vocabulary.term_id(entry)
        if term_id is not None:
            weights_V = _dense(vector) if weights_V is None else weights_V
            weights_V[term_id] = weight
    return vector if weights_V is None else _sparse(weights_V, vector.vocabulary)


def told_weights(told: str | None) -> Mapping[str, float]:
    """Return the words that keywords put into a vector, and the weights that the model gave them.

    Args:
        told: what :func:`with_words` returned, as the index has it.
    """
    lines = (line.partition(" ") for line in (told or "").split("\n") if line)
    return {entry: float(weight) for weight, _, entry in lines}


def _dense(vector: LexicalVector) -> FloatArray:
    weights_V = np.zeros(len(vector.vocabulary), dtype=np.float32)
    weights_V[vector.term_ids] = vector.weights
    return weights_V


def _sparse(weights_V: FloatArray, vocabulary: Vocabulary) -> LexicalVector:
    term_ids = np.flatnonzero(weights_V).astype(np.int32)
    return LexicalVector(term_ids, weights_V[term_ids], vocabulary)
