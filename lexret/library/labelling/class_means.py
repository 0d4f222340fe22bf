"""Classes of pictures as the means of a few examples, over the words of their vectors.

A picture goes to the class whose mean is nearest. Words that many pictures of the index have say
little of a class: half of the index's mean is taken from both the picture and the class
(`lexret eval few-shot` compares this with the plain mean). Where the name of a class is made of
words of the vocabulary, its query is added to the mean: the fewer examples there are, the more it
counts. It does not count where the examples fit it no better than other pictures do, as with
computers in a class "apple". A class's score is a sum over words, so that the words that decided
can be told. How sure a label is follows from the score alone, by a curve that was fitted for each
number of examples, with the name and without.

Legend: N pictures, C classes, V words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lexret.library.label_file import Label
from lexret.library.labelling.directions import Directions, NameEvidence
from lexret.library.labelling.sureness import CURVES, EARLIER_CURVES, Curves, probability
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

Values = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


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
        classes: the class of each example, from 0; each class has an example or a name.
        index_mean_V: the mean of the index's vectors, each of length 1.
        names: number of a class -> its name, where that is known.
        curves: from scores to how sure classes are.
    """

    def __init__(
        self,
        examples: SparseBatch,
        classes: Sequence[int],
        index_mean_V: Values,
        names: Mapping[int, NameEvidence] | None = None,
        *,
        curves: Curves = CURVES,
    ) -> None:
        self._examples = examples.normalized()
        self._classes = np.array(classes, dtype=np.int64)
        self._vocabulary = examples.vocabulary
        names = names or {}
        self._maker = Directions(index_mean_V, names, curves)
        self._shift_V = self._maker.shift_V
        self._num_V = np.bincount(self._classes, minlength=max(names, default=-1) + 1)
        self._sums_CV = np.zeros((len(self._num_V), len(index_mean_V)))
        for row, number in zip(self._examples, classes, strict=True):
            self._sums_CV[number, row.term_ids] += row.weights
        self._directions = [
            self._maker.of(number, sum_V, int(self._num_V[number]))
            for number, sum_V in enumerate(self._sums_CV)
        ]
        self._directions_CV = np.stack([each.values_V for each in self._directions])
        # Scores of classes with a name and without are not on one scale; how sure they are is.
        self._by_odds = any(each.is_named for each in self._directions)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words."""
        return self._vocabulary

    def counts_name(self, number: int) -> bool:
        """Whether the name of a class counts: it is known, and the examples fit it."""
        return self._directions[number].is_named

    def doubts_name(self, number: int) -> bool:
        """Whether the name counts though the examples, which are few, hardly fit it."""
        return self._directions[number].is_doubtful

    @cached_property
    def _offsets_C(self) -> Values:
        offsets_C: Values = self._directions_CV @ self._shift_V
        return offsets_C

    def decide(self, pictures: SparseBatch) -> Decision:
        """Tell which class each picture is nearest to, and how sure that is."""
        rows = pictures.normalized().to_scipy()
        scores_NC = np.asarray(rows @ self._directions_CV.T) - self._offsets_C
        classes_N = self._leads(scores_NC).argmax(axis=1)
        best_N = scores_NC[np.arange(len(scores_NC)), classes_N]
        sure_N = np.array(
            [
                probability(self._directions[number].curve.log_odds(score))
                for score, number in zip(best_N.tolist(), classes_N.tolist(), strict=True)
            ]
        )
        return Decision(classes_N, scores_NC, sure_N)

    def _leads(self, scores_NC: Values) -> Values:
        """Return what decides between the classes; the greatest of a row is the nearest class."""
        if not self._by_odds:
            return scores_NC
        curves = [each.curve for each in self._directions]
        slopes_C = np.array([curve.slope for curve in curves])
        leads_NC: Values = scores_NC * slopes_C + np.array([curve.offset for curve in curves])
        return leads_NC

    def reasons(self, picture: LexicalVector, *, k: int) -> list[WordShare]:
        """Return the words that speak most for a picture's nearest class.

        With several classes, the products of each word with that class less those with the second.
        """
        row = picture.as_batch().normalized().row(0)
        scores_C = self._directions_CV[:, row.term_ids] @ row.weights - self._offsets_C
        order = np.argsort(-self._leads(scores_C[None])[0], kind="stable")
        direction_V = self._directions_CV[order[0]]
        if len(order) > 1:
            scale = self._scale(int(order[1])) / self._scale(int(order[0]))
            direction_V = direction_V - scale * self._directions_CV[order[1]]
        products = row.weights * direction_V[row.term_ids]
        names = self._vocabulary.words
        strongest = np.argsort(-products, kind="stable")[:k]
        return [
            WordShare(names[int(row.term_ids[place])], float(products[place]))
            for place in strongest
            if products[place] > 0
        ]

    def _scale(self, number: int) -> float:
        return self._directions[number].curve.slope if self._by_odds else 1.0

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
            own = self._maker.of(number, rest_V, int(self._num_V[number]) - 1)
            scores_C = self._directions_CV[:, row.term_ids] @ row.weights - self._offsets_C
            scores_C[number] = (
                own.values_V[row.term_ids] @ row.weights - own.values_V @ self._shift_V
            )
            leads_C = self._leads(scores_C[None])[0]
            if self._by_odds:
                leads_C[number] = own.curve.log_odds(float(scores_C[number]))
            best = int(leads_C.argmax())
            curve = own.curve if best == number else self._directions[best].curve
            decided.append(best)
            sure.append(probability(curve.log_odds(float(scores_C[best]))))
        return LeftOut(
            np.array(found, dtype=np.int64), np.array(decided, dtype=np.int64), np.array(sure)
        )


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
    vectors = [
        _without(silent, example.term_ids, example.weights, vocabulary)
        for example in label.examples
    ]
    places = {name: number for number, name in enumerate(label.classes)}
    names = {
        places[name]: NameEvidence(
            _without(silent, known.term_ids, known.weights, vocabulary), known.spread
        )
        for name, known in (label.names or {}).items()
    }
    numbers = [places[example.class_name] for example in label.examples]
    return ClassMeans(
        SparseBatch.from_vectors(vectors, vocabulary), numbers, index_mean_V, names,
        curves=EARLIER_CURVES if label.names is None else CURVES,
    )  # fmt: skip


def _without(
    silent: Sequence[int], term_ids: Any, weights: Any, vocabulary: Vocabulary
) -> LexicalVector:
    kept = ~np.isin(term_ids, silent)
    return LexicalVector(term_ids[kept], weights[kept], vocabulary)


def mean_of(batches: Iterable[SparseBatch], num_words: int) -> Values:
    """Return (V,) the mean of the rows of some batches, each row of length 1."""
    total_V, count = np.zeros(num_words), 0
    for batch in batches:
        rows = batch.normalized()
        total_V += np.bincount(rows.term_ids, rows.weights, minlength=num_words)
        count += len(rows)
    return total_V / max(1, count)
