"""Words held back to about their use."""

from __future__ import annotations

import numpy as np
import torch

from lexret.captions.word_use import caption_words
from lexret.config import RunConfig
from lexret.encoders.network import LexicalNetwork
from lexret.training.words.overuse import limit_use, picture_uses
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
