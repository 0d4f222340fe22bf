"""Activations and normalisation, computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from lexret.config import Activation
from lexret.encoders.activations import activate, normalize


def test_log1p_relu_is_the_logarithm_above_zero_and_true_zero_below() -> None:
    weights = activate(torch.tensor([-2.0, 0.0, math.e - 1, 3.0]), "log1p_relu")
    torch.testing.assert_close(weights, torch.tensor([0.0, 0.0, 1.0, math.log(4.0)]))
    assert weights[0] == 0


def test_elu1p_is_linear_above_zero_and_an_exponential_below() -> None:
    weights = activate(torch.tensor([-2.0, 0.0, 3.0]), "elu1p")
    torch.testing.assert_close(weights, torch.tensor([math.exp(-2.0), 1.0, 4.0]))


@pytest.mark.parametrize("activation", ["log1p_relu", "elu1p"])
def test_an_activation_commutes_with_the_maximum_over_patches(activation: Activation) -> None:
    logits_PV = torch.randn(7, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(
        activate(logits_PV, activation).amax(0), activate(logits_PV.amax(0), activation)
    )


def test_rows_get_unit_length_and_a_zero_row_stays_zero() -> None:
    normalized = normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    torch.testing.assert_close(normalized, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_the_threshold_cuts_after_the_division_and_keeps_what_equals_it() -> None:
    normalized = normalize(torch.tensor([[3.0, 4.0, 0.0]]), threshold=float(torch.tensor(0.8)))
    torch.testing.assert_close(normalized, torch.tensor([[0.0, 0.8, 0.0]]))
