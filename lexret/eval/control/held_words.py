"""Held words: from which weight a word counts as true of a picture, and how often that is right.

A word's level is where the harmonic mean of precision and recall is best over pictures of which it
is known whether the word is true, each set of pictures counting alike. A word of which too few are
known gets the level of the words that are known, at the same place among its own weights. No word
may be held by more pictures of a set than three times as many as it is true of, or 3%, whichever is
more: whatever fires more often says nothing.

Legend: I pictures, V words, S sets of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from lexret.eval.control.word_truth import WordTruth
from lexret.sparse import FloatArray, SparseBatch
from lexret.vocabulary import Vocabulary

# Pictures of which a word must be true before a level of its own is learnt.
_ENOUGH: Final = 12
_MOST_HELD: Final = 0.03
_TIMES_TRUE: Final = 2.5
# The pictures are those that the model was trained with, where its words are surer of themselves.
_SHRINK: Final = 0.85
_NUM_THINGS: Final = 60
# What a result counts as held too often: more than three times what is true, and more than this.
_TOO_OFTEN: Final = 0.05
_TOO_MANY_TIMES: Final = 3.0

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class JudgedPictures:
    """Vectors of pictures, and what is known of their words."""

    weights_IV: sparse.csc_array
    truth: WordTruth

    @classmethod
    def of(cls, vectors: SparseBatch, truth: WordTruth) -> JudgedPictures:
        """Join I vectors with what is known of the same pictures."""
        return cls(sparse.csc_array(vectors.to_scipy()), truth)

    def weights(self, term_id: int) -> FloatArray:
        """Return (I,) a word's weights, 0 where it is not active."""
        weights_I = np.zeros(self.weights_IV.shape[0], np.float32)
        start, end = self.weights_IV.indptr[term_id], self.weights_IV.indptr[term_id + 1]
        weights_I[self.weights_IV.indices[start:end]] = self.weights_IV.data[start:end]
        return weights_I


def learn_levels(sets: Sequence[JudgedPictures], num_words: int) -> FloatArray:
    """Return (V,) the level of each word, 0 for a word that is never active."""
    limits_V = np.zeros(num_words, np.float32)
    for pictures in sets:
        np.maximum(limits_V, _limits(pictures), out=limits_V)
    own_V = np.zeros(num_words, np.float32)
    known_V = np.zeros(num_words, dtype=bool)
    for term_id in range(num_words):
        level = _best_level(sets, term_id)
        if level is not None:
            own_V[term_id], known_V[term_id] = level * _SHRINK, True
    typical = float(np.median(own_V[known_V])) if known_V.any() else 0.0
    levels_V: FloatArray = np.where(known_V, np.maximum(own_V, limits_V),
                                    np.maximum(limits_V, typical)).astype(np.float32)  # fmt: skip
    return levels_V


def _limits(pictures: JudgedPictures) -> FloatArray:
    """Return (V,) levels that hold no word in too many pictures of a set."""
    weights_IV, true_IV = pictures.weights_IV, pictures.truth.true_IV
    num_pictures, num_words = weights_IV.shape
    num_true_V = np.diff(true_IV.indptr)
    allowed_V = np.maximum(_MOST_HELD * num_pictures, _TIMES_TRUE * num_true_V).astype(np.int64)
    limits_V = np.zeros(num_words, np.float32)
    for term_id in np.flatnonzero(np.diff(weights_IV.indptr) > allowed_V).tolist():
        start, end = weights_IV.indptr[term_id], weights_IV.indptr[term_id + 1]
        falling = -np.sort(-weights_IV.data[start:end])
        limits_V[term_id] = np.nextafter(falling[allowed_V[term_id]], np.float32(np.inf))
    return limits_V


def _best_level(sets: Sequence[JudgedPictures], term_id: int) -> float | None:
    """Return the level of the best harmonic mean of precision and recall; None: too few known."""
    weights, true, counts = [], [], []
    for pictures in sets:
        true_I = pictures.truth.true_of(term_id)
        judged_I = pictures.truth.judged(term_id)
        if not true_I.any() or judged_I.sum() == true_I.sum():
            continue
        weights.append(pictures.weights(term_id)[judged_I])
        true.append(true_I[judged_I])
        # Each set counts alike, however many pictures it has.
        counts.append(np.full(int(judged_I.sum()), 1.0 / len(true_I)))
    if sum(int(part.sum()) for part in true) < _ENOUGH:
        return None
    weights_J, true_J, counts_J = (np.concatenate(part) for part in (weights, true, counts))
    order = np.argsort(-weights_J, kind="stable")
    order = order[weights_J[order] > 0]
    if not len(order):
        return None
    right = np.cumsum(counts_J[order] * true_J[order])
    held = np.cumsum(counts_J[order])
    harmonic = 2 * right / (held + (counts_J * true_J).sum())
    place = int(harmonic.argmax())
    below = weights_J[order[place + 1]] if place + 1 < len(order) else 0.0
    return float(weights_J[order[place]] + below) / 2


@dataclass(frozen=True)
class HeldThing:
    """How a word is held in pictures, in percent.

    Attributes:
        word: the word.
        num_true: pictures that it is true of.
        recall: of these, the share that hold it.
        precision: of the pictures that hold it, the share that it is true of; 0 where none does.
    """

    word: str
    num_true: int
    recall: float
    precision: float


@dataclass(frozen=True)
class HeldWords:
    """How well held words tell what pictures show.

    Attributes:
        things: the most frequent of the words that are outlined.
        held_a_picture: held words a picture, on average.
        too_often: words that are held by more than three times the share of pictures that they are
            true of and by more than 5%.
    """

    things: tuple[HeldThing, ...]
    held_a_picture: float
    too_often: tuple[str, ...]
    num_pictures: int

    @property
    def recall(self) -> float:
        """Mean recall over the things, in percent."""
        return float(np.mean([thing.recall for thing in self.things])) if self.things else 0.0

    @property
    def precision(self) -> float:
        """Mean precision over the things, in percent."""
        return float(np.mean([thing.precision for thing in self.things])) if self.things else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval held-words --json`` prints it."""
        return {
            "recall": round(self.recall, 2),
            "precision": round(self.precision, 2),
            "held_a_picture": round(self.held_a_picture, 2),
            "too_often": list(self.too_often),
            "num_images": self.num_pictures,
            "things": [
                {
                    "word": thing.word,
                    "num_true": thing.num_true,
                    "recall": round(thing.recall, 2),
                    "precision": round(thing.precision, 2),
                }
                for thing in self.things
            ],
        }


def measure_held(
    pictures: JudgedPictures, levels_V: FloatArray | None, vocabulary: Vocabulary
) -> HeldWords:
    """Compare held words with what is known.

    Args:
        levels_V: the level of each word; None: every weight holds its word.
    """
    truth, num_pictures = pictures.truth, pictures.weights_IV.shape[0]
    levels = np.zeros(len(vocabulary), np.float32) if levels_V is None else levels_V
    entries = pictures.weights_IV.tocoo()
    is_held = (entries.data > 0) & (entries.data >= levels[entries.coords[1]])
    num_held_V = np.bincount(entries.coords[1][is_held], minlength=len(vocabulary))
    num_true_V = np.diff(truth.true_IV.indptr)
    outlined_V = np.array(truth.true_IV[truth.outlined_I].sum(axis=0)).ravel() * truth.listed_V
    frequent = np.argsort(-outlined_V, kind="stable")[:_NUM_THINGS]
    things = [
        _held_thing(pictures, int(term_id), float(levels[term_id]), vocabulary.words[term_id])
        for term_id in frequent
        if outlined_V[term_id]
    ]
    most_V = np.maximum(_TOO_OFTEN * num_pictures, _TOO_MANY_TIMES * num_true_V)
    return HeldWords(
        tuple(things),
        float(is_held.sum()) / max(1, num_pictures),
        tuple(vocabulary.words[term_id] for term_id in np.flatnonzero(num_held_V > most_V)),
        num_pictures,
    )


def _held_thing(pictures: JudgedPictures, term_id: int, level: float, word: str) -> HeldThing:
    judged_I = pictures.truth.judged(term_id)
    true_J = pictures.truth.true_of(term_id)[judged_I]
    weights_J = pictures.weights(term_id)[judged_I]
    held_J: Bools = (weights_J > 0) & (weights_J >= level)
    right, held = int((held_J & true_J).sum()), int(held_J.sum())
    num_true = int(true_J.sum())
    precision = 100.0 * right / held if held else 0.0
    return HeldThing(word, num_true, 100.0 * right / max(1, num_true), precision)
