"""Queries made of the vectors of texts, by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lexret.encoders import load_model
from lexret.encoders.folder.checkpoint import Checkpoint
from lexret.encoders.folder.record import read_record, write_record
from lexret.encoders.model import TextEncoder
from lexret.encoders.text.queries import QueryForm, as_queries, typed_words
from lexret.encoders.text.static_encoder import load_static_text
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "beach", "red", "traffic light", "light"])
FORM = QueryForm(power=2.0, typed_weight=1.0)


def query(text: str, weights: dict[str, float], form: QueryForm = FORM) -> dict[str, float]:
    batch = as_queries(SparseBatch.from_words([weights], WORDS), [text], form)
    return {word.word: word.weight for word in batch.row(0).words()}


def test_a_query_is_the_sharpened_text_plus_the_typed_words() -> None:
    # (0.8, 0.6) squared is (0.64, 0.36), of length 0.73430: (0.87158, 0.49026).
    # "red dog": 1 / sqrt 2 = 0.70711 for each, so dog 1.57869, beach 0.49026, red 0.70711,
    # of length sqrt(2.49225 + 0.24036 + 0.5) = 1.79795.
    found = query("A red dog!", {"dog": 0.8, "beach": 0.6})
    expected = {"dog": 0.87805, "red": 0.39329, "beach": 0.27268}
    assert found == pytest.approx(expected, abs=2e-5)


def test_a_query_has_unit_length() -> None:
    batch = as_queries(SparseBatch.from_words([{"dog": 3.0, "red": 4.0}], WORDS), ["light"], FORM)
    assert float(np.linalg.norm(batch.row(0).weights)) == pytest.approx(1.0)


def test_a_word_that_is_typed_twice_counts_once_and_a_phrase_is_not_its_parts() -> None:
    assert typed_words("Dog, dog and traffic lights", WORDS).tolist() == [0, 3]
    once, twice = (query(text, {"dog": 1.0}) for text in ("a red dog", "red dog red dog"))
    assert once == twice
    assert set(query("traffic light", {"dog": 1.0})) == {"dog", "traffic light"}


def test_without_typed_words_the_text_is_only_sharpened() -> None:
    # (0.64, 0.36) / 0.73430
    sharpened = pytest.approx({"dog": 0.87158, "beach": 0.49026}, abs=2e-5)
    assert query("zzz", {"dog": 0.8, "beach": 0.6}) == sharpened
    assert query("red", {"dog": 0.8, "beach": 0.6}, QueryForm(2.0, 0.0)) == sharpened


def test_the_form_of_models_without_one_changes_nothing() -> None:
    plain = QueryForm.of_config({})
    assert plain == QueryForm(1.0, 0.0)
    weights = {"dog": 0.8, "beach": 0.6}
    assert query("red dog", weights, plain) == pytest.approx(weights, abs=1e-6)
    named = QueryForm.of_config({"query_power": 2, "query_typed_weight": 1, "max_words": 9})
    assert named == FORM


def test_a_text_that_says_nothing_stays_an_empty_query() -> None:
    batch = as_queries(SparseBatch.from_words([{}, {"dog": 1.0}], WORDS), ["red", "red"], FORM)
    assert np.diff(batch.indptr).tolist() == [0, 2]


def test_weights_that_round_to_zero_are_left_out() -> None:
    vector = LexicalVector(np.array([0, 1], np.int32), np.array([1.0, 1e-30], np.float32), WORDS)
    batch = as_queries(vector.as_batch(), ["zzz"], FORM)
    assert batch.row(0).term_ids.tolist() == [0]


TEXTS = ["a red dog on the beach", "two cars", "zzz"]


def test_the_contextual_encoder_makes_queries_in_its_models_form(tiny_model_folder: Path) -> None:
    checkpoint = load_model(tiny_model_folder).checkpoint
    changes = {"query_power": 2.0, "query_typed_weight": 1.0}
    text = checkpoint.config.text.model_copy(update=changes)
    config = checkpoint.config.model_copy(update={"text": text})
    encoder = TextEncoder(
        Checkpoint(config, checkpoint.vocabulary, checkpoint.tensors, checkpoint.sha256)
    )
    found, expected = encoder.encode_queries(TEXTS), as_queries(encoder.encode(TEXTS), TEXTS, FORM)
    assert np.array_equal(found.term_ids, expected.term_ids)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-6)
    assert not np.array_equal(found.weights, encoder.encode(TEXTS).weights)


def test_the_static_encoder_reads_the_form_from_its_models_record(
    static_model_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(static_model_folder, tmp_path / "model"))
    plain = load_static_text(folder)
    assert np.array_equal(plain.encode_queries(TEXTS).weights, plain.encode(TEXTS).weights)
    record = read_record(folder)
    config = dict(record.values["config"])
    config["text"] = {**config["text"], "query_power": 2.0, "query_typed_weight": 1.0}
    write_record(folder, {**record.values, "config": config})
    encoder = load_static_text(folder)
    found, expected = encoder.encode_queries(TEXTS), as_queries(encoder.encode(TEXTS), TEXTS, FORM)
    assert np.array_equal(found.term_ids, expected.term_ids)
    assert np.array_equal(found.weights, expected.weights)
    assert not np.array_equal(found.weights, encoder.encode(TEXTS).weights)
