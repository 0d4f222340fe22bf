"""Means of classes: scores, words and sureness by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.library.labelling.class_means import CURVES, ClassMeans, mean_of, probability
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "cat", "grass"])


def batch(*rows: dict[str, float]) -> SparseBatch:
    return SparseBatch.from_words(rows, WORDS)


def test_a_picture_goes_to_the_nearest_mean_and_the_scores_are_those_by_hand() -> None:
    index_mean_V = np.array([0.2, 0.0, 0.4])
    means = ClassMeans(batch({"dog": 2.0}, {"cat": 3.0}), [0, 1], index_mean_V)
    dog_V = np.array([1.0, 0, 0]) - 0.5 * index_mean_V
    cat_V = np.array([0, 1.0, 0]) - 0.5 * index_mean_V
    picture_V = np.array([0.6, 0.0, 0.8])
    decision = means.decide(batch({"dog": 0.6, "grass": 0.8}))
    expected = [
        (picture_V - 0.5 * index_mean_V) @ (each / np.linalg.norm(each)) for each in (dog_V, cat_V)
    ]
    assert decision.scores_NC[0] == pytest.approx(expected, abs=1e-6)
    assert decision.classes_N.tolist() == [0]
    assert decision.sure_N[0] == pytest.approx(probability(expected[0], 1), abs=1e-6)


def test_the_words_that_decide_add_up_to_the_lead_of_the_nearest_class() -> None:
    means = ClassMeans(batch({"dog": 1.0}, {"cat": 1.0}), [0, 1], np.zeros(3))
    picture = batch({"dog": 0.6, "grass": 0.8}).row(0)
    scores_C = means.decide(picture.as_batch()).scores_NC[0]
    reasons = means.reasons(picture, k=3)
    assert [reason.word for reason in reasons] == ["dog"]
    assert reasons[0].share == pytest.approx(scores_C[0] - scores_C[1], abs=1e-6)


def test_each_example_is_decided_on_by_the_others_alone() -> None:
    examples = batch({"dog": 1.0}, {"dog": 1.0, "grass": 1.0}, {"cat": 1.0}, {"dog": 1.0})
    left = ClassMeans(examples, [0, 0, 1, 1], np.zeros(3)).leave_one_out()
    assert left.examples.tolist() == [0, 1, 2, 3]
    # Without the only cat, its class is the dog that was put there.
    rest = ClassMeans(batch({"dog": 1.0}, {"dog": 1.0, "grass": 1.0}, {"dog": 1.0}), [0, 0, 1],
                      np.zeros(3))  # fmt: skip
    assert left.classes[2] == rest.decide(batch({"cat": 1.0})).classes_N[0]
    assert left.classes[3] == 0


def test_an_only_example_cannot_be_left_out() -> None:
    left = ClassMeans(batch({"dog": 1.0}, {"cat": 1.0}), [0, 1], np.zeros(3)).leave_one_out()
    assert len(left.examples) == 0


def test_sureness_rises_with_the_score_and_meets_its_curves() -> None:
    for number, (slope, offset) in CURVES.items():
        assert probability(0.4, number) == pytest.approx(1 / (1 + np.exp(-slope * 0.4 - offset)))
        assert probability(0.3, number) < probability(0.5, number)
    assert probability(0.6, 1000) == probability(0.6, max(CURVES))
    assert min(probability(0.6, n) for n in (1, 3)) < probability(0.6, 2)


def test_empty_pictures_get_no_sure_class() -> None:
    means = ClassMeans(batch({"dog": 1.0}), [0], np.array([0.1, 0.2, 0.1]))
    assert means.decide(batch({})).sure_N[0] < 0.05


def test_the_mean_of_an_index_is_that_of_its_vectors_at_length_one() -> None:
    found = mean_of([batch({"dog": 2.0}), batch({"cat": 9.0}, {"dog": 3.0, "cat": 4.0})], 3)
    assert found == pytest.approx([(1 + 0.6) / 3, (1 + 0.8) / 3, 0.0])
