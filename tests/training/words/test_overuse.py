"""Words held back to about their use."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch

from lexret.captions.word_use import caption_words
from lexret.config import RunConfig
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.network import LexicalNetwork
from lexret.training.words.overuse import (
    background_rows,
    limit_use,
    measure_base_rates,
    picture_uses,
)
from lexret.vocabularies.sources import open_vocabulary
from lexret.vocabulary import Vocabulary


def test_uses_count_pictures_not_captions() -> None:
    words = Vocabulary(["dog", "beach", "red"])
    held = caption_words(["a dog", "dog on a beach", "red", "a beach"], words)
    assert picture_uses(held, np.array([0, 0, 1, 2])).tolist() == [1, 2, 1]


def test_words_become_as_rare_as_their_use_allows_and_frequent_ones_stay(recipe: RunConfig) -> None:
    network = LexicalNetwork(recipe.model, open_vocabulary(recipe.model.vocabulary)).eval()
    features = np.random.default_rng(0).uniform(0, 2, (20, 9, 256)).astype(np.float16)
    with torch.no_grad():
        network.image.bias_V += 1.0  # nearly everything is active nearly everywhere
        before_NV = network.image(torch.from_numpy(features).float())
    num_words = before_NV.shape[1]
    uses_V = torch.zeros(num_words)
    uses_V[: num_words // 2] = 300
    bias_V = network.image.bias_V.detach().clone()
    held_back = limit_use(network.image, features, uses_V, 1000, (0.1, 0.2))
    with torch.no_grad():
        after_NV = network.image(torch.from_numpy(features).float())
    used = uses_V > 0
    assert torch.equal(network.image.bias_V[used], bias_V[used])
    assert int((before_NV > 0).sum(0)[~used].max()) > 10
    assert int((after_NV > 1e-5).sum(0)[~used].max()) <= 2
    assert held_back == int((network.image.bias_V != bias_V).sum()) > 0


class Weighed:
    """Stands for an image side whose pictures' features are their words' weights."""

    def __init__(self, num_words: int) -> None:
        self.base_rate_V = torch.full((num_words,), 0.5)  # of an earlier measurement

    def word_weights(self, features_BPF: torch.Tensor, activation: str) -> torch.Tensor:
        assert activation == "log1p_relu"
        return (features_BPF[:, 0] - self.base_rate_V).clamp_min(0.0)


def base_rates(weights_NV: np.ndarray, rows: list[int], quantile: float) -> list[float]:
    side = Weighed(weights_NV.shape[1])
    features_NPF = weights_NV[:, None].astype(np.float32)
    measure_base_rates(cast(ImageSide, side), features_NPF, np.array(rows), "log1p_relu", quantile)
    return side.base_rate_V.tolist()


def test_a_base_rate_is_a_quantile_of_a_words_weights_over_the_chosen_pictures() -> None:
    weights_NV = np.array([[9, 9], [0, 3], [4, 0], [1, 0], [3, 0], [2, 0]])
    # Over pictures 1 to 5 the first word weighs 0, 1, 2, 3, 4, the second 0, 0, 0, 0, 3.
    chosen = [1, 2, 3, 4, 5]
    assert base_rates(weights_NV, chosen, 0.5) == [2.0, 0.0]
    # Between two pictures the lower one counts: 0.7 of four steps is 2.8.
    assert base_rates(weights_NV, chosen, 0.7) == [2.0, 0.0]
    assert base_rates(weights_NV, chosen, 0.75) == [3.0, 0.0]
    assert base_rates(weights_NV, [0, 2], 0.99) == [4.0, 0.0]


def test_base_rates_are_measured_over_any_number_of_pictures() -> None:
    weights_NV = np.random.default_rng(0).permutation(200)[:, None]
    assert base_rates(weights_NV, list(range(200)), 0.5) == [99.0]


def test_pictures_that_could_not_be_read_weigh_nothing() -> None:
    weights_NV = np.array([[np.nan], [2.0], [np.nan], [3.0], [1.0]])
    assert base_rates(weights_NV, [0, 1, 2, 3, 4], 0.5) == [1.0]


def test_background_pictures_are_drawn_from_the_further_sources_alone() -> None:
    few = background_rows(10, 14, seed=0)
    assert few.tolist() == [10, 11, 12, 13]
    many = background_rows(100, 5100, seed=0)
    assert len(set(many.tolist())) == 2000
    assert (np.diff(many) > 0).all() and many[0] >= 100 and many[-1] < 5100
    expected = np.random.default_rng([3, 9]).permutation(5000)[:2000] + 100
    assert background_rows(100, 5100, seed=3).tolist() == sorted(expected.tolist())


@pytest.mark.parametrize("quantile", [0.3, 0.9])
def test_words_above_their_base_rate_are_as_few_as_the_quantile_leaves(
    recipe: RunConfig, quantile: float
) -> None:
    network = LexicalNetwork(recipe.model, open_vocabulary(recipe.model.vocabulary)).eval()
    features = np.random.default_rng(0).uniform(0, 2, (20, 9, 256)).astype(np.float16)
    with torch.no_grad():
        network.image.bias_V += 1.0  # nearly everything is active nearly everywhere
    measure_base_rates(network.image, features, np.arange(20), "log1p_relu", quantile)
    with torch.no_grad():
        weights_NV = network.encode_features(torch.from_numpy(features).float())
    assert int((weights_NV > 0).sum(0).max()) <= 20 - 1 - int(quantile * 19)
    assert float(weights_NV.max()) > 0
