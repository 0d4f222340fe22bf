"""Classes of pictures as the means of a few examples, over the words of their vectors.

A picture goes to the class whose mean is nearest. Words that many pictures of the index have say
little of a class: half of the index's mean is taken from both the picture and the class
(`lexret eval few-shot` compares this with the plain mean). A class's score is a sum over words, so
that the words that decided can be told. How sure a label is follows from the score alone, by a
curve that was fitted for each number of examples.

Legend: N pictures, C classes, V words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.library.label_file import Label
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

Values = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

INDEX_SHARE: Final = 0.5
"""How much of the index's mean is taken away."""
# Number of examples -> slope and offset of the curve from a score to a probability, for `mini`:
# fitted on half of 88 kinds of things and places, of 25 photos each, among 2,100 photos. There, of
# the other kinds, 67% to 75% of what is at least 0.5 is right; where classes are vaguer, it is
# rarely as much as 0.5 (docs/language.md).
CURVES: Final = {1: (9.1, -5.4), 3: (9.4, -6.1), 10: (9.1, -6.65)}


@dataclass(frozen=True, slots=True)
class WordShare:
    """Word of a picture, and what it adds to the score of one class beyond that of the next."""

    word: str
    share: float


@dataclass(frozen=True, eq=False)
class Decision:
    """Decision on N pictures.

    Attributes:
        classes_N: the number of the nearest class.
        scores_NC: of all classes.
        sure_N: the probability that the nearest class is right.
    """

    classes_N: Numbers
    scores_NC: Values
    sure_N: Values


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Examples, each decided on by all the others.

    Attributes:
        examples: numbers of the examples that were left out, those of classes with at least two.
        classes: the class that each then went to.
        sure: the probability of that class.
    """

    examples: Numbers
    classes: Numbers
    sure: Values


class ClassMeans:
    """Means of C classes.

    Args:
        examples: one row an example, of any length.
        classes: the class of each example, from 0; each class has at least one.
        index_mean_V: the mean of the index's vectors, each of length 1.
    """

    def __init__(self, examples: SparseBatch, classes: Sequence[int], index_mean_V: Values) -> None:
        self._examples = examples.normalized()
        self._classes = np.array(classes, dtype=np.int64)
        self._vocabulary = examples.vocabulary
        self._shift_V = INDEX_SHARE * index_mean_V
        self._num_V = np.bincount(self._classes)
        self._sums_CV = np.zeros((len(self._num_V), len(index_mean_V)))
        for row, number in zip(self._examples, classes, strict=True):
            self._sums_CV[number, row.term_ids] += row.weights
        self._directions_CV = _unit(self._sums_CV / self._num_V[:, None] - self._shift_V)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words."""
        return self._vocabulary

    @cached_property
    def _offsets_C(self) -> Values:
        offsets_C: Values = self._directions_CV @ self._shift_V
        return offsets_C

    def decide(self, pictures: SparseBatch) -> Decision:
        """Tell which class each picture is nearest to, and how sure that is."""
        rows = pictures.normalized().to_scipy()
        scores_NC = np.asarray(rows @ self._directions_CV.T) - self._offsets_C
        return self._decision(scores_NC)

    def _decision(self, scores_NC: Values) -> Decision:
        classes_N = scores_NC.argmax(axis=1)
        best_N = scores_NC[np.arange(len(scores_NC)), classes_N]
        sure_N = np.array(
            [
                probability(score, int(self._num_V[number]))
                for score, number in zip(best_N.tolist(), classes_N.tolist(), strict=True)
            ]
        )
        return Decision(classes_N, scores_NC, sure_N)

    def reasons(self, picture: LexicalVector, *, k: int) -> list[WordShare]:
        """Return the words that speak most for a picture's nearest class.

        With several classes, the products of each word with that class less those with the second.
        """
        row = picture.as_batch().normalized().row(0)
        scores_C = self._directions_CV[:, row.term_ids] @ row.weights - self._offsets_C
        order = np.argsort(-scores_C, kind="stable")
        direction_V = self._directions_CV[order[0]]
        if len(order) > 1:
            direction_V = direction_V - self._directions_CV[order[1]]
        products = row.weights * direction_V[row.term_ids]
        names = self._vocabulary.words
        strongest = np.argsort(-products, kind="stable")[:k]
        return [
            WordShare(names[int(row.term_ids[place])], float(products[place]))
            for place in strongest
            if products[place] > 0
        ]

    def words_of(self, number: int, *, k: int) -> list[WordShare]:
        """Return the words that a class is known by, against the mean of the other classes."""
        direction_V = self._directions_CV[number]
        others = np.delete(self._directions_CV, number, axis=0)
        if len(others):
            direction_V = direction_V - others.mean(axis=0)
        strongest = np.argsort(-direction_V, kind="stable")[:k]
        names = self._vocabulary.words
        return [
            WordShare(names[int(term_id)], float(direction_V[term_id]))
            for term_id in strongest
            if direction_V[term_id] > 0
        ]

    def leave_one_out(self) -> LeftOut:
        """Decide on each example by the others; a class's only example cannot be left out."""
        found = [i for i, number in enumerate(self._classes) if self._num_V[number] > 1]
        decided, sure = [], []
        for i in found:
            row, number = self._examples.row(i), int(self._classes[i])
            rest_V = self._sums_CV[number].copy()
            rest_V[row.term_ids] -= row.weights
            direction_V = _unit((rest_V / (self._num_V[number] - 1) - self._shift_V)[None])[0]
            scores_C = self._directions_CV[:, row.term_ids] @ row.weights - self._offsets_C
            scores_C[number] = direction_V[row.term_ids] @ row.weights - direction_V @ self._shift_V
            best = int(scores_C.argmax())
            num_examples = int(self._num_V[best]) - (best == number)
            decided.append(best)
            sure.append(probability(float(scores_C[best]), num_examples))
        return LeftOut(
            np.array(found, dtype=np.int64), np.array(decided, dtype=np.int64), np.array(sure)
        )


def probability(score: float, num_examples: int) -> float:
    """Return how likely a nearest class is right, by its score and its number of examples.

    Between the numbers that a curve was fitted for, it is interpolated over their logarithms.
    """
    slope, offset = _curve(num_examples)
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, slope * score + offset))))


def _curve(num_examples: int) -> tuple[float, float]:
    numbers = sorted(CURVES)
    places = np.log(numbers)
    at = math.log(max(1, num_examples))
    slope, offset = (np.interp(at, places, [CURVES[n][part] for n in numbers]) for part in (0, 1))
    return float(slope), float(offset)


def _unit(rows_CV: Values) -> Values:
    lengths_C = np.linalg.norm(rows_CV, axis=1, keepdims=True)
    unit_CV: Values = rows_CV / np.where(lengths_C > 0, lengths_C, 1.0)
    return unit_CV


def means_of(
    label: Label, vocabulary: Vocabulary, *, without: frozenset[str] = frozenset()
) -> ClassMeans:
    """Return the means of a label's classes.

    Args:
        without: words that are muted.
    """
    found = (vocabulary.term_id(word) for word in without)
    silent = [term_id for term_id in found if term_id is not None]
    index_mean_V = np.zeros(len(vocabulary))
    index_mean_V[label.index_mean[0]] = label.index_mean[1]
    index_mean_V[silent] = 0.0
    vectors = []
    for example in label.examples:
        kept = ~np.isin(example.term_ids, silent)
        vectors.append(LexicalVector(example.term_ids[kept], example.weights[kept], vocabulary))
    places = {name: number for number, name in enumerate(label.classes)}
    numbers = [places[example.class_name] for example in label.examples]
    return ClassMeans(SparseBatch.from_vectors(vectors, vocabulary), numbers, index_mean_V)


def mean_of(batches: Iterable[SparseBatch], num_words: int) -> Values:
    """Return (V,) the mean of the rows of some batches, each row of length 1."""
    total_V, count = np.zeros(num_words), 0
    for batch in batches:
        rows = batch.normalized()
        total_V += np.bincount(rows.term_ids, rows.weights, minlength=num_words)
        count += len(rows)
    return total_V / max(1, count)
