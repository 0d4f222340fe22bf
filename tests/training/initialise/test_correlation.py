"""Regularised canonical correlation analysis."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexret.training.initialise.correlation import correlated_maps


def shared_signal(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two views of one two-dimensional signal, each with noise of its own on other axes."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(num, 2))
    left = np.hstack([signal, rng.normal(size=(num, 3))]) @ rng.normal(size=(5, 5))
    right = np.hstack([signal, rng.normal(size=(num, 4))]) @ rng.normal(size=(6, 6))
    views = (torch.from_numpy(view - view.mean(0)).float() for view in (left, right))
    return tuple(views)  # type: ignore[return-value]


def test_what_two_views_share_is_found() -> None:
    x, y = shared_signal(2000)
    left, right = correlated_maps(x, y, 2, ridge=(1e-6, 1e-6), power=0.0)
    torch.testing.assert_close(x @ left, y @ right, atol=0.05, rtol=0)
    covariance = (x @ left).t() @ (x @ left) / len(x)
    torch.testing.assert_close(covariance, torch.eye(2), atol=1e-2, rtol=0)


def test_power_weighs_axes_by_how_much_the_sides_agree() -> None:
    x, y = shared_signal(2000)
    plain, _ = correlated_maps(x, y, 4, ridge=(1e-6, 1e-6), power=0.0)
    weighed, _ = correlated_maps(x, y, 4, ridge=(1e-6, 1e-6), power=1.0)
    strength = weighed.norm(dim=0) / plain.norm(dim=0)
    assert strength[:2].min() > 0.99
    assert strength[2:].max() < 0.1


def test_more_dimensions_than_the_features_have_is_an_error() -> None:
    x, y = shared_signal(50)
    with pytest.raises(ValueError, match="only 5 dimensions"):
        correlated_maps(x, y, 6, ridge=(1.0, 1.0), power=1.0)
