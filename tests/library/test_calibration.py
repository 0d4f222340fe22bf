"""Calibrations: what they compute, how they are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lexret.errors import CorruptError, InputError, MismatchError, MissingError
from lexret.library.asking.calibration import (
    CALIBRATION_FILE,
    Calibration,
    measure_hits,
    moments,
    read_calibration,
    save_calibration,
    surely_match,
)
from lexret.sparse import FloatArray, IdArray, LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

PLAIN = Calibration((1.0, 0.0, 0.0, 0.0, 0.0), (0.05, 0.2), (0.6, 0.3), 100, "data")


def test_hits_are_measured_against_all_pictures_also_those_that_score_nothing() -> None:
    # Scores 0.6, 0.2, 0, 0: mean 0.2, variance 0.06.
    spread = moments(np.array([0.6, 0.2]), 4)
    assert spread == pytest.approx((0.2, 0.06**0.5))
    found = measure_hits([0.6], spread, np.array([[0.2, 0.3]]), None)
    np.testing.assert_allclose(found, [[0.6, 0.4 / 0.06**0.5, 0.2, 0.0]])
    alike = measure_hits([0.5], moments(np.array([0.5, 0.5]), 2), np.zeros((1, 0)), np.zeros(0))
    assert alike.tolist() == [[0.5, 0.0, 0.0, 0.0]]


def test_the_hold_of_typed_words_is_the_least_weight_over_its_level_2_at_most() -> None:
    weights, levels = np.array([[0.2, 0.9], [0.9, 0.9]]), np.array([0.4, 0.1])
    found = measure_hits([0.5, 0.5], (0.5, 0.0), weights, levels)
    assert found[:, 3] == pytest.approx([0.5, 2.0])


def test_the_threshold_is_that_of_the_largest_share_within_the_one_allowed() -> None:
    assert PLAIN.threshold(0.05) == 0.6
    assert PLAIN.threshold(0.19) == 0.6
    assert PLAIN.threshold(0.5) == 0.3
    with pytest.raises(InputError, match=r"Allow 5\.0% or more"):
        PLAIN.threshold(0.01)


@dataclass(frozen=True)
class Scored:
    doc_id: str
    score: float


class Exact:
    """As much of an index as a calibration asks for."""

    def __init__(self, batch: SparseBatch) -> None:
        self._dense = batch.to_scipy().toarray()
        self.vocabulary = batch.vocabulary

    def hits(self, word: str) -> list[Scored]:
        scores = self._dense[:, self.vocabulary.term_id(word)]
        order = np.argsort(-scores, kind="stable")
        return [Scored(str(i), float(scores[i])) for i in order if scores[i] > 0]

    def score_moments(self, query: LexicalVector) -> tuple[float, float]:
        scores = self._dense[:, query.term_ids] @ query.weights
        return float(scores.mean()), float(scores.std())

    def weights(self, doc_ids: list[str], term_ids: IdArray) -> FloatArray:
        return self._dense[np.array([int(doc_id) for doc_id in doc_ids])][:, term_ids]


def test_only_hits_with_enough_evidence_surely_match(tiny_vocabulary: Vocabulary) -> None:
    rows = [{"dog": 0.9}, {"dog": 0.5, "beach": 0.5}, {"beach": 0.2}, {"car": 1.0}]
    index = Exact(SparseBatch.from_words(rows, tiny_vocabulary))
    query = SparseBatch.from_words([{"dog": 1.0}], tiny_vocabulary).row(0)
    hits = index.hits("dog")
    assert surely_match(index, hits, "dog", query, PLAIN, rate=0.05) == [True, False]
    assert surely_match(index, hits, "dog", query, PLAIN, rate=0.2) == [True, True]
    typed = Calibration((0.0, 0.0, 1.0, 0.0, 0.0), (0.05,), (0.7,), 100, "data")
    assert surely_match(index, hits, "dog", query, typed, rate=0.05) == [True, False]
    assert surely_match(index, hits, "zebra", query, typed, rate=0.05) == [False, False]
    held = Calibration((0.0, 0.0, 0.0, 1.0, 0.0), (0.05,), (1.0,), 100, "data")
    levels = np.full(len(tiny_vocabulary), 0.5, np.float32)
    assert surely_match(index, hits, "dog", query, held, levels_V=levels, rate=0.05) == [True, True]
    # Scores 0.9, 0.5, 0, 0: mean 0.35, deviation 0.378.
    standing = Calibration((0.0, 1.0, 0.0, 0.0, 0.0), (0.05,), (1.0,), 100, "data")
    assert surely_match(index, hits, "dog", query, standing, rate=0.05) == [True, False]
    assert surely_match(index, [], "two", query, PLAIN, rate=0.2) == []


def test_all_typed_words_count_but_those_of_no_picture(tiny_vocabulary: Vocabulary) -> None:
    rows = [{"dog": 0.9}, {"dog": 0.5, "beach": 0.5}]
    index = Exact(SparseBatch.from_words(rows, tiny_vocabulary))
    query = SparseBatch.from_words([{"dog": 1.0}], tiny_vocabulary).row(0)
    hits, typed = index.hits("dog"), Calibration((0, 0, 1.0, 0, 0), (0.2,), (0.4,), 100, "data")
    assert surely_match(index, hits, "a dog on a beach", query, typed) == [False, True]
    car = tiny_vocabulary.term_id("car")
    assert car is not None
    assert surely_match(index, hits, "a car with a dog", query, typed) == [False, False]
    assert surely_match(index, hits, "a car with a dog", query, typed, silent={car}) == [True, True]


def test_a_calibration_comes_back_and_leaves_the_other_text_encoders_alone(tmp_path: Path) -> None:
    save_calibration(tmp_path, PLAIN, model_id="m-1", text_encoder="static")
    other = Calibration((1.0, 2.0, 3.0, 4.0, 5.0), (0.1,), (0.5,), 7, "x")
    save_calibration(tmp_path, other, model_id="m-1", text_encoder="contextual")
    assert read_calibration(tmp_path, model_id="m-1", text_encoder="static") == PLAIN
    assert read_calibration(tmp_path, model_id="m-1", text_encoder="contextual") == other
    # Another model's calibrations are of no use.
    save_calibration(tmp_path, other, model_id="m-2", text_encoder="contextual")
    with pytest.raises(MissingError, match="no calibration for its static texts"):
        read_calibration(tmp_path, model_id="m-2", text_encoder="static")
    with pytest.raises(MismatchError, match="is of m-2, the model is m-1"):
        read_calibration(tmp_path, model_id="m-1", text_encoder="contextual")


def test_missing_and_damaged_calibrations_say_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"lexret eval no-match SOURCE .* --save"):
        read_calibration(tmp_path, model_id="m", text_encoder="static")
    (tmp_path / CALIBRATION_FILE).write_text("{")
    with pytest.raises(CorruptError, match="cannot be read"):
        read_calibration(tmp_path, model_id="m", text_encoder="static")
    (tmp_path / CALIBRATION_FILE).write_text(json.dumps({"format": 9}))
    with pytest.raises(CorruptError, match="format 2"):
        read_calibration(tmp_path, model_id="m", text_encoder="static")
    values = {"format": 2, "model_id": "m", "text_encoders": {"static": {"weights": [1]}}}
    (tmp_path / CALIBRATION_FILE).write_text(json.dumps(values))
    with pytest.raises(CorruptError, match="damaged"):
        read_calibration(tmp_path, model_id="m", text_encoder="static")
