"""The one owner of the rules of sparse storage."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lexret.errors import InputError, MismatchError
from lexret.sparse import LexicalVector, SparseBatch, WordWeight
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "beach", "red", "car", "two", "blue"])
# Few different values, so that ties are common.
DENSE = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 5), st.just(len(WORDS))),
    elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5, 1.0, 3.0]),
)


def batch_of(*rows: dict[str, float]) -> SparseBatch:
    return SparseBatch.from_words(rows, WORDS)


def strongest_by_sorting(row: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.float32]:
    """The plain form: order by falling weight, then by term id; keep k positive ones."""
    order = sorted(range(len(row)), key=lambda term_id: (-row[term_id], term_id))
    kept = np.zeros_like(row)
    for term_id in order[:k]:
        kept[term_id] = max(row[term_id], 0)
    return kept


@given(DENSE)
def test_a_dense_array_is_kept_where_it_is_positive(dense: npt.NDArray[np.float32]) -> None:
    batch = SparseBatch.from_dense(dense, WORDS)
    assert len(batch) == len(dense)
    assert batch.nnz == int((dense > 0).sum())
    np.testing.assert_array_equal(batch.to_scipy().toarray(), np.maximum(dense, 0))


@given(DENSE, st.integers(1, 8))
def test_the_strongest_words_stay_and_the_lower_id_wins_a_tie(
    dense: npt.NDArray[np.float32], k: int
) -> None:
    expected = [strongest_by_sorting(row, k) for row in dense]
    found = SparseBatch.from_dense(dense, WORDS).strongest(k).to_scipy().toarray()
    np.testing.assert_array_equal(found, np.reshape(expected, dense.shape))
    at_once = SparseBatch.from_dense(dense, WORDS, max_words=k)
    np.testing.assert_array_equal(at_once.to_scipy().toarray(), found)


@given(DENSE)
def test_rows_taken_out_and_put_together_are_the_batch(dense: npt.NDArray[np.float32]) -> None:
    batch = SparseBatch.from_dense(dense, WORDS)
    for again in (
        SparseBatch.from_vectors(list(batch), WORDS),
        SparseBatch.concatenate([batch], WORDS),
        SparseBatch.concatenate([row.as_batch() for row in batch], WORDS),
    ):
        np.testing.assert_array_equal(again.indptr, batch.indptr)
        np.testing.assert_array_equal(again.term_ids, batch.term_ids)
        np.testing.assert_array_equal(again.weights, batch.weights)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    dense = np.zeros((2, 6))
    dense[1, 3] = value
    with pytest.raises(InputError, match="NaN or infinite"):
        SparseBatch.from_dense(dense, WORDS)


@pytest.mark.parametrize("shape", [(6,), (2, 5), (1, 2, 6)])
def test_a_dense_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"Expected shape \(N, 6\)"):
        SparseBatch.from_dense(np.zeros(shape), WORDS)


def arrays(**changes: Any) -> dict[str, Any]:
    good = {
        "indptr": np.array([0, 2, 2, 3], np.int64),
        "term_ids": np.array([1, 4, 0], np.int32),
        "weights": np.array([0.5, 0.25, 1.0], np.float32),
    }
    return good | changes


def test_rows_may_be_empty_and_a_row_may_start_with_a_lower_id() -> None:
    batch = SparseBatch(**arrays(), vocabulary=WORDS)
    assert [len(row) for row in batch] == [2, 0, 1]
    assert batch.nnz == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indptr": np.array([0, 2, 3], np.int32)}, "expected one dimension of int64"),
        ({"term_ids": np.array([1, 4, 0], np.int64)}, "expected one dimension of int32"),
        ({"weights": np.array([1, 1, 1], np.float64)}, "expected one dimension of float32"),
        ({"weights": np.ones((1, 3), np.float32)}, r"shape \(1, 3\)"),
        ({"weights": np.ones(2, np.float32)}, "3 term ids stand beside 2 weights"),
        ({"indptr": np.array([], np.int64)}, "rise from 0 to 3"),
        ({"indptr": np.array([1, 3], np.int64)}, "rise from 0 to 3"),
        ({"indptr": np.array([0, 2], np.int64)}, "rise from 0 to 3"),
        ({"indptr": np.array([0, 3, 2, 3], np.int64)}, "rise from 0 to 3"),
        ({"term_ids": np.array([1, 6, 0], np.int32)}, "expected 0 to 5"),
        ({"term_ids": np.array([-1, 4, 0], np.int32)}, "expected 0 to 5"),
        ({"term_ids": np.array([4, 1, 0], np.int32)}, "rise strictly"),
        ({"term_ids": np.array([4, 4, 0], np.int32)}, "rise strictly"),
        ({"weights": np.array([1, 0, 1], np.float32)}, "greater than zero"),
        ({"weights": np.array([1, -1, 1], np.float32)}, "greater than zero"),
        ({"weights": np.array([1, np.nan, 1], np.float32)}, "finite"),
        ({"weights": np.array([1, np.inf, 1], np.float32)}, "finite"),
    ],
)
def test_arrays_that_break_a_rule_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SparseBatch(**arrays(**changes), vocabulary=WORDS)


def test_no_rows_are_a_batch_too() -> None:
    batch = SparseBatch.from_vectors([], WORDS)
    assert (len(batch), batch.nnz, list(batch)) == (0, 0, [])
    assert len(SparseBatch.concatenate([], WORDS)) == 0
    assert len(batch.strongest(3)) == 0
    assert batch.to_scipy().shape == (0, 6)


def test_words_and_weights_become_rows() -> None:
    batch = batch_of({"beach": 0.5, "dog": 1.0}, {}, {"blue": 2.0})
    assert batch.indptr.tolist() == [0, 2, 2, 3]
    assert batch.term_ids.tolist() == [0, 1, 5]
    assert batch.weights.tolist() == [1.0, 0.5, 2.0]


@pytest.mark.parametrize(
    ("row", "message"), [({"cat": 1.0}, r"\['cat'\]"), ({"dog": 0.0}, "greater than zero")]
)
def test_a_row_with_a_bad_word_or_weight_is_refused(row: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        batch_of(row)


def test_vectors_of_another_vocabulary_do_not_mix() -> None:
    stranger = SparseBatch.from_words([{"dog": 1.0}], Vocabulary(["cat", "dog"]))
    with pytest.raises(MismatchError):
        SparseBatch.from_vectors([stranger.row(0)], WORDS)
    with pytest.raises(MismatchError):
        SparseBatch.concatenate([batch_of({"dog": 1.0}), stranger], WORDS)


def test_at_least_one_word_is_kept() -> None:
    with pytest.raises(InputError, match="at least 1 word; found 0"):
        batch_of({"dog": 1.0}).strongest(0)


def test_a_vector_lists_its_words_by_weight_and_then_by_id() -> None:
    vector = batch_of({"red": 0.5, "dog": 0.5, "two": 2.0}).row(0)
    expected = [WordWeight("two", 2.0), WordWeight("dog", 0.5), WordWeight("red", 0.5)]
    assert vector.words() == expected
    assert vector.words(2) == expected[:2]
    assert vector.words(99) == expected


def test_a_vector_tells_a_words_weight() -> None:
    vector = batch_of({"dog": 0.5, "two": 2.0}).row(0)
    assert vector.weight_of("dog") == 0.5
    assert vector.weight_of("two") == 2.0
    assert vector.weight_of("blue") == vector.weight_of("beach") == vector.weight_of("cat") == 0.0
    assert len(vector) == 2


def test_an_empty_vector_has_no_words() -> None:
    vector = batch_of({}).row(0)
    assert vector.words() == []
    assert vector.weight_of("dog") == 0.0
    assert isinstance(vector, LexicalVector)
    assert len(vector.as_batch()) == 1


@given(DENSE)
def test_lists_of_rows_turned_round_are_the_batch(dense: npt.NDArray[np.float32]) -> None:
    batch = SparseBatch.from_dense(dense, WORDS)
    held = [np.flatnonzero(column > 0).astype(np.int32) for column in dense.T]
    postings = [(rows, dense[rows, term_id]) for term_id, rows in enumerate(held)]
    again = SparseBatch.from_postings(iter(postings), len(dense), WORDS)
    for name in ("indptr", "term_ids", "weights"):
        assert getattr(again, name).tolist() == getattr(batch, name).tolist()
