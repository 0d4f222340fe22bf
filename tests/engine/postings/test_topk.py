"""The best k of many scores."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lexret.engine.postings.topk import BLOCK, best


def test_equal_scores_at_the_cut_go_to_the_lowest_places() -> None:
    scores = np.array([0.0, 0.5, 1.0, 0.5, 0.5, 0.0])
    assert best(scores, 3).tolist() == [2, 1, 3]


def test_scores_of_zero_are_never_hits() -> None:
    assert best(np.array([0.0, 0.25, 0.0]), 3).tolist() == [1]
    assert best(np.zeros(5), 3).tolist() == []
    assert best(np.zeros(0), 3).tolist() == []


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_scores=st.integers(0, 6 * BLOCK),
    levels=st.integers(1, 6),
    k=st.integers(1, 20),
)
def test_best_equals_a_full_sort(seed: int, num_scores: int, levels: int, k: int) -> None:
    scores = np.random.default_rng(seed).integers(0, levels + 1, num_scores) / levels
    expected = [i for i in np.lexsort((np.arange(num_scores), -scores)) if scores[i] > 0][:k]
    assert best(scores, k).tolist() == expected
