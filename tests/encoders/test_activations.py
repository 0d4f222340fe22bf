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


def test_the_threshold_cuts_after_the_division_what_does_not_exceed_it() -> None:
    given = torch.tensor([[3.0, 4.0, 0.0]])
    torch.testing.assert_close(normalize(given, threshold=0.79), torch.tensor([[0.0, 0.8, 0.0]]))
    assert not normalize(given, threshold=0.8).any()


def test_a_word_that_is_always_kept_may_lie_below_the_threshold() -> None:
    given, always = torch.tensor([[3.0, 4.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    kept = normalize(given, threshold=0.79, always_NV=always)
    torch.testing.assert_close(kept, torch.tensor([[0.6, 0.8, 0.0]]))


@pytest.mark.parametrize("num_words", [3, 4, 17_149, 20_898, 100_003])
@pytest.mark.parametrize("weight", [1e-3, 0.1, 1.0, 7.3])
def test_an_even_vector_becomes_empty_however_it_is_rounded(num_words: int, weight: float) -> None:
    even = torch.full((2, num_words), weight)
    assert not normalize(even, threshold=num_words**-0.5).any()
    # One word that says something passes, and alone.
    even[0, 1] *= 1.001
    kept = normalize(even, threshold=num_words**-0.5)
    assert kept.nonzero().tolist() == [[0, 1]]
