"""Tags: the words that a picture holds, the surest first."""

from __future__ import annotations

import numpy as np

from lexret.library.asking.tags import tags_of
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "sky", "chair", "grass"])
VECTOR = SparseBatch.from_words([{"dog": 0.4, "sky": 0.5, "chair": 0.1}], WORDS).row(0)
LEVELS = np.array([0.16, 0.64, 0.04, 0.1], np.float32)


def test_tags_are_the_held_words_and_without_levels_the_strongest() -> None:
    assert [word.word for word in tags_of(VECTOR, LEVELS)] == ["dog", "chair"]
    assert [word.word for word in tags_of(VECTOR, LEVELS, 1)] == ["dog"]
    assert [word.word for word in tags_of(VECTOR, None, 2)] == ["sky", "dog"]
