"""Words held near their first vectors."""

from __future__ import annotations

import torch

from lexret.config import RunConfig
from lexret.encoders.network import LexicalNetwork
from lexret.training.words.drift_penalty import DriftPenalty
from lexret.vocabularies.sources import open_vocabulary


def test_the_distance_counts_each_trained_codebook_by_the_words_weights(recipe: RunConfig) -> None:
    network = LexicalNetwork(recipe.model, open_vocabulary(recipe.model.vocabulary))
    first_VD = network.image.codebook_VD.detach().clone()
    weights_V = torch.zeros(len(first_VD))
    weights_V[1], weights_V[2] = 1.0, 0.25
    penalty = DriftPenalty(first_VD, weights_V)
    assert float(penalty.distance(network).detach()) == 0.0
    with torch.no_grad():
        network.image.codebook_VD[0] += 5.0  # weighs nothing
        network.image.codebook_VD[1, 0] += 3.0
        network.image.codebook_VD[2, 1] += 2.0
        network.text.codebook_VD[1] += 7.0  # is frozen here
    torch.testing.assert_close(penalty.distance(network).detach(), torch.tensor(9.0 + 1.0))
