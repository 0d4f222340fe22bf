"""BM25 over captions, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.eval.baselines.bm25 import bm25_scores


def test_scores_follow_the_formula_and_no_caption_finds_itself() -> None:
    captions = ["a dog", "dog runs", "a cat", "cat cat"]
    scores = bm25_scores(captions, np.array([0, 0, 1, 1]))
    assert scores.shape == (2, 4)
    idf = np.log1p((2 - 1 + 0.5) / 1.5)  # "dog" stands in one of two pictures

    def weight(count: float, length: float) -> float:
        norm = 1.2 * (0.25 + 0.75 * length / 4.0)
        return count * 2.2 / (count + norm)

    # "dog runs" meets its picture's OTHER caption, "a dog": one dog among two words.
    assert scores[0, 1] == pytest.approx(idf * weight(1, 2))
    # "a dog" against the other picture: only "a", which both pictures have.
    both = np.log1p((2 - 2 + 0.5) / 2.5)
    assert scores[1, 0] == pytest.approx(both * weight(1, 4))
    # "cat cat" against "a cat": a query's word counts once.
    assert scores[1, 3] == pytest.approx(idf * weight(1, 2))
