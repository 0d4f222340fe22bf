"""Means of classes: scores, words and sureness by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.library.labelling.class_means import ClassMeans, mean_of
from lexret.library.labelling.directions import NameEvidence, least_fit, name_share
from lexret.library.labelling.sureness import CURVES, Curve, Curves, probability
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
    curve = CURVES.of(1, is_named=False)
    assert decision.sure_N[0] == pytest.approx(probability(curve.log_odds(expected[0])), abs=1e-6)


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


@pytest.mark.parametrize("is_named", [False, True])
def test_sureness_rises_with_the_score_and_meets_its_curves(is_named: bool) -> None:
    def sure(score: float, number: int) -> float:
        return probability(CURVES.of(number, is_named=is_named).log_odds(score))

    for number, curve in (CURVES.named if is_named else CURVES.plain).items():
        expected = 1 / (1 + np.exp(-curve.slope * 0.4 - curve.offset))
        assert sure(0.4, number) == pytest.approx(expected)
        assert sure(0.3, number) < sure(0.5, number)
    assert sure(0.6, 1000) == sure(0.6, max(CURVES.plain))
    assert min(sure(0.6, n) for n in (1, 3)) < sure(0.6, 2) < max(sure(0.6, n) for n in (1, 3))


def test_empty_pictures_get_no_sure_class() -> None:
    means = ClassMeans(batch({"dog": 1.0}), [0], np.array([0.1, 0.2, 0.1]))
    assert means.decide(batch({})).sure_N[0] < 0.05


def test_the_mean_of_an_index_is_that_of_its_vectors_at_length_one() -> None:
    found = mean_of([batch({"dog": 2.0}), batch({"cat": 9.0}, {"dog": 3.0, "cat": 4.0})], 3)
    assert found == pytest.approx([(1 + 0.6) / 3, (1 + 0.8) / 3, 0.0])


def named(word: str, spread: float = 0.1) -> NameEvidence:
    return NameEvidence(batch({word: 1.0}).row(0), spread)


def test_a_name_is_added_to_the_mean_and_counts_less_the_more_examples_there_are() -> None:
    index_mean_V = np.array([0.2, 0.0, 0.4])
    for num_examples in (1, 4):
        examples = batch(*[{"dog": 0.6, "grass": 0.8}] * num_examples)
        means = ClassMeans(examples, [0] * num_examples, index_mean_V, {0: named("dog")})
        mean_V = np.array([0.6, 0, 0.8]) - 0.5 * index_mean_V
        direction_V = mean_V / np.linalg.norm(mean_V) + np.array([name_share(num_examples), 0, 0])
        direction_V /= np.linalg.norm(direction_V)
        decision = means.decide(batch({"dog": 1.0}))
        score = (np.array([1.0, 0, 0]) - 0.5 * index_mean_V) @ direction_V
        assert decision.scores_NC[0, 0] == pytest.approx(score, abs=1e-6)
        curve = CURVES.of(num_examples, is_named=True)
        assert decision.sure_N[0] == pytest.approx(probability(curve.log_odds(score)), abs=1e-6)
    assert name_share(4) == 0.5 * name_share(1)


def test_a_name_that_the_examples_do_not_fit_changes_nothing() -> None:
    index_mean_V = np.array([0.4, 0.4, 0.4])
    examples, classes = batch(*[{"cat": 1.0}] * 3, {"grass": 1.0}), [0, 0, 0, 1]
    misleading = ClassMeans(examples, classes, index_mean_V, {0: named("dog")})
    plain = ClassMeans(examples, classes, index_mean_V)
    asked = batch({"dog": 1.0}, {"cat": 1.0}, {"cat": 1.0, "grass": 2.0})
    assert not misleading.counts_name(0)
    found, expected = misleading.decide(asked), plain.decide(asked)
    assert found.scores_NC == pytest.approx(expected.scores_NC)
    assert found.sure_N == pytest.approx(expected.sure_N)
    assert ClassMeans(examples, classes, index_mean_V, {0: named("cat")}).counts_name(0)


def test_one_example_that_hardly_fits_leaves_the_name_in_doubt_and_another_settles_it() -> None:
    index_mean_V = np.array([0.3, 0.0, 0.3])
    name = named("dog", spread=1.0)  # 0.3 below the mean is 0.3 standard deviations
    assert least_fit(1) < -0.3 < least_fit(2)
    one = ClassMeans(batch({"grass": 1.0}), [0], index_mean_V, {0: name})
    assert one.counts_name(0) and one.doubts_name(0)
    two = ClassMeans(batch(*[{"grass": 1.0}] * 2), [0, 0], index_mean_V, {0: name})
    assert not two.counts_name(0) and not two.doubts_name(0)
    good = ClassMeans(batch({"dog": 1.0}), [0], index_mean_V, {0: name})
    assert good.counts_name(0) and not good.doubts_name(0)


def test_a_class_may_do_without_examples_where_it_has_a_name() -> None:
    means = ClassMeans(batch({"cat": 1.0}), [0], np.zeros(3), {1: named("dog")})
    decision = means.decide(batch({"dog": 1.0}, {"cat": 1.0}))
    assert decision.classes_N.tolist() == [1, 0]
    assert decision.scores_NC[0].tolist() == pytest.approx([0.0, 1.0])
    assert decision.sure_N[0] == pytest.approx(probability(CURVES.named[0].log_odds(1.0)))


def test_classes_with_a_name_and_without_are_compared_by_how_sure_they_are() -> None:
    curves = Curves(plain={1: Curve(1.0, 0.0)}, named={1: Curve(2.0, 3.0)})
    means = ClassMeans(
        batch({"cat": 1.0}, {"dog": 0.8, "grass": 0.6}), [0, 1], np.zeros(3), {1: named("dog")},
        curves=curves,
    )  # fmt: skip
    picture = batch({"cat": 0.8, "dog": 0.6})
    decision = means.decide(picture)
    scores_C = decision.scores_NC[0]
    assert scores_C[0] > scores_C[1] and 2 * scores_C[1] + 3 > scores_C[0]
    assert decision.classes_N.tolist() == [1]
    # The products of all words add up to the lead, in the score of the class that leads.
    reasons = {each.word: each.share for each in means.reasons(picture.row(0), k=3)}
    assert reasons == {"dog": pytest.approx(scores_C[1], abs=1e-6)}
    both = means.reasons(batch({"cat": 0.1, "dog": 0.6, "grass": 0.3}).row(0), k=3)
    asked = batch({"cat": 0.1, "dog": 0.6, "grass": 0.3})
    lead = means.decide(asked).scores_NC[0] @ [-0.5, 1.0]
    against = 0.5 * 0.1 / np.linalg.norm([0.1, 0.6, 0.3])
    assert sum(each.share for each in both) - against == pytest.approx(lead, abs=1e-6)


def test_examples_are_left_out_of_what_decides_whether_a_name_counts() -> None:
    index_mean_V = np.array([0.5, 0.1, 0.1])
    examples = batch({"dog": 1.0}, {"cat": 1.0}, {"cat": 1.0})
    left = ClassMeans(examples, [0, 0, 0], index_mean_V, {0: named("dog")}).leave_one_out()
    rest = ClassMeans(batch({"cat": 1.0}, {"cat": 1.0}), [0, 0], index_mean_V, {0: named("dog")})
    assert not rest.counts_name(0)
    assert left.sure[0] == pytest.approx(rest.decide(batch({"dog": 1.0})).sure_N[0], abs=1e-6)
