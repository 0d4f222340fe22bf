"""Sureness: which words of a picture are likeliest to be true, and which it holds."""

from __future__ import annotations

import numpy as np

from lexret.explain.sureness import held_words, sureness, surest_words
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "sky", "chair", "grass"])
VECTOR = SparseBatch.from_words([{"dog": 0.4, "sky": 0.5, "chair": 0.1}], WORDS).row(0)
LEVELS = np.array([0.16, 0.64, 0.0625, 0.1], np.float32)


def test_sureness_is_the_weight_over_the_root_of_the_level() -> None:
    # dog 0.4 / 0.4, sky 0.5 / 0.8, chair 0.1 / 0.25
    np.testing.assert_allclose(sureness(VECTOR, LEVELS), [1.0, 0.625, 0.4], rtol=1e-6)
    np.testing.assert_array_equal(sureness(VECTOR, None), VECTOR.weights)


def test_words_are_listed_by_sureness_and_told_whether_they_are_held() -> None:
    listed = [(word.word, held) for word, held in surest_words(VECTOR, LEVELS)]
    assert listed == [("dog", True), ("sky", False), ("chair", True)]


def test_a_level_of_nearly_nothing_makes_no_word_surer_than_a_stronger_one() -> None:
    levels_V = np.array([0.2, 0.2, 0.0, 0.2], np.float32)
    listed = [word.word for word, _ in surest_words(VECTOR, levels_V)]
    assert listed == ["sky", "dog", "chair"]
    assert np.isfinite(sureness(VECTOR, np.zeros(4, np.float32))).all()


def test_a_picture_without_levels_holds_all_of_its_words() -> None:
    assert held_words(VECTOR, LEVELS) == {"dog", "chair"}
    assert held_words(VECTOR, None) == {"dog", "sky", "chair"}
