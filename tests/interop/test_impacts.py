"""Weights as whole numbers, and how far they may be off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.errors import InputError
from lexret.interop.impacts import MAX_IMPACT, as_impacts, from_impacts, max_error, quantize
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WEIGHTS = st.lists(st.floats(2**-20, 100, width=32), min_size=1, max_size=50)


def test_weights_are_rounded_and_none_is_lost() -> None:
    weights = np.array([0.004, 0.005, 0.015, 0.994, 2.9, 0.6], dtype=np.float32)
    assert quantize(weights, scale=100).tolist() == [1, 1, 1, 99, 290, 60]
    assert quantize(np.empty(0, np.float32)).tolist() == []


@given(weights=WEIGHTS, scale=st.floats(1, 1000))
def test_no_weight_is_off_by_more_than_the_stated_bound(weights: list[float], scale: float) -> None:
    given_ = np.array(weights, dtype=np.float32)
    impacts = quantize(given_, scale=scale)
    errors = np.abs(given_.astype(np.float64) - impacts / scale)
    assert impacts.min() >= 1
    assert (errors <= max_error(scale) * (1 + 1e-9)).all()
    strong = given_ >= 1 / (2 * scale)
    assert (errors[strong] <= 1 / (2 * scale) * (1 + 1e-9)).all()


@given(weights=WEIGHTS, scale=st.floats(1, 1000))
def test_impacts_divided_by_their_scale_become_the_same_impacts(
    weights: list[float], scale: float
) -> None:
    words = Vocabulary(f"w{number}" for number in range(50))
    ids = np.arange(len(weights), dtype=np.int32)
    batch = SparseBatch(
        np.array([0, len(weights)]), ids, np.array(weights, dtype=np.float32), words
    )
    impacts = as_impacts(batch, scale=scale)
    again = as_impacts(from_impacts(impacts, scale=scale), scale=scale)
    assert again.weights.tolist() == impacts.weights.tolist()


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_not_positive_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="scale"):
        quantize(np.ones(1, np.float32), scale=scale)


def test_an_impact_that_single_precision_cannot_hold_is_refused() -> None:
    with pytest.raises(InputError, match="smaller scale"):
        quantize(np.full(1, MAX_IMPACT, np.float32), scale=1.5)
