"""Cached features of several sets as one array."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.encoders.image.feature_cache import JoinedFeatures


@pytest.fixture
def parts() -> list[np.ndarray]:
    """Sets of 3, 0 and 2 pictures, of 4 patches and 2 features; each number is used once."""
    numbers = np.arange(5 * 4 * 2, dtype=np.float16).reshape(5, 4, 2)
    return [numbers[:3], numbers[3:3], numbers[3:]]


def test_joined_features_are_what_one_array_of_them_all_would_be(parts: list[np.ndarray]) -> None:
    joined, whole = JoinedFeatures(parts), np.concatenate(parts)
    assert (len(joined), joined.shape) == (5, (5, 4, 2))
    for rows in ([0, 1, 2, 3, 4], [4, 0, 3, 0], [2], [3, 3]):
        found = joined[np.array(rows)]
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, whole[rows])


def test_no_rows_give_no_features(parts: list[np.ndarray]) -> None:
    assert JoinedFeatures(parts)[np.array([], dtype=np.int64)].shape == (0, 4, 2)


def test_unreadable_pictures_stay_nan(parts: list[np.ndarray]) -> None:
    broken = parts[2].copy()
    broken[1] = np.nan
    found = JoinedFeatures([parts[0], broken])[np.array([0, 4])]
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [False, True]
