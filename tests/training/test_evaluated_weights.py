"""The weights that are evaluated and saved, and the trained ones that come back afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lexret.captions.sources import open_captions
from lexret.config import RunConfig, merged
from lexret.encoders.network import LexicalNetwork
from lexret.training.average import WeightAverage
from lexret.training.evaluated_weights import EvaluatedWeights
from lexret.training.reading.batches import BatchSource
from lexret.training.step import Learner
from lexret.vocabularies.sources import open_vocabulary

HELD_BACK = {"train": {"most_active": [0.1, 0.2], "base_rate_quantile": 0.5}}


class Stage:
    """A learner whose average is not what it has been trained to."""

    def __init__(self, values: dict[str, Any]) -> None:
        config = RunConfig.model_validate(merged(values, HELD_BACK))
        vocabulary = open_vocabulary(config.model.vocabulary)
        captions = open_captions(config.data.train)
        features = np.random.default_rng(0).uniform(0, 2, (12, 9, 256)).astype(np.float16)
        batches = BatchSource(captions, [features], vocabulary, config.train)
        self.learner = Learner(LexicalNetwork(config.model, vocabulary), config.train)
        with torch.no_grad():
            self.learner.network.image.bias_V += 1.0  # every word is active somewhere
        self.average = WeightAverage(self.learner, 0.5)
        self.average.update()
        with torch.no_grad():
            for parameter in self.learner.trainable().values():
                parameter += 1.0
        self.learner.train()
        self.evaluated = EvaluatedWeights(
            self.learner, self.average, config, captions, batches, vocabulary
        )

    def weights(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self.learner.trainable().items()}


def equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, expected[name]) for name, tensor in found.items())


def test_averages_with_words_held_back_are_in_place_and_trained_weights_come_back(
    recipe_values: dict[str, Any],
) -> None:
    stage = Stage(recipe_values)
    trained, averages = stage.weights(), stage.average.tensors()
    image = stage.learner.network.image
    with stage.evaluated.in_place():
        inside = stage.weights()
        biases = inside.pop("network.image.bias_V")
        assert equal(inside, averages)
        # Biases were only lowered, and only in the network: the average keeps what it was.
        assert (biases <= averages["network.image.bias_V"]).all()
        assert (biases < averages["network.image.bias_V"]).any()
        assert float(image.base_rate_V.max()) > 0
        assert not stage.learner.training
    assert equal(stage.weights(), trained)
    assert float(image.base_rate_V.abs().max()) == 0
    assert stage.learner.training


def test_an_interruption_while_words_are_held_back_leaves_the_trained_weights(
    recipe_values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(recipe_values)
    trained = stage.weights()

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lexret.training.evaluated_weights.measure_base_rates", interrupt)
    with pytest.raises(KeyboardInterrupt), stage.evaluated.in_place():
        pass
    assert equal(stage.weights(), trained)
