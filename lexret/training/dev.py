"""Evaluation on a dev split while training, from cached features."""

from __future__ import annotations

import numpy as np
import torch

from lexret.data.captions import CaptionSet
from lexret.encoders.activations import normalize
from lexret.encoders.model import keep_strongest
from lexret.encoders.network import LexicalNetwork, own_words
from lexret.eval.recall import RetrievalResult, evaluate_retrieval
from lexret.sparse import SparseBatch
from lexret.training.features import Features

_BATCH = 64


@torch.inference_mode()
def evaluate_dev(
    network: LexicalNetwork, captions: CaptionSet, features_NPF: Features
) -> RetrievalResult:
    """Return recall in both directions, with the word budgets that the model will ship with."""
    config, vocabulary = network.config, network.vocabulary
    images = []
    for start in range(0, len(captions), _BATCH):
        features = torch.from_numpy(np.array(features_NPF[start : start + _BATCH])).float()
        weights_BV = keep_strongest(network.encode_features(features), config.max_image_words)
        normalized_BV = normalize(weights_BV, threshold=config.threshold)
        images.append(SparseBatch.from_dense(normalized_BV.numpy(), vocabulary))
    texts: list[str] = []
    owners: list[int] = []
    for i in range(len(captions)):
        texts.extend(captions.captions(i))
        owners.extend([i] * len(captions.captions(i)))
    encoded = []
    for start in range(0, len(texts), _BATCH):
        chunk = texts[start : start + _BATCH]
        own_BV = own_words(chunk, vocabulary)
        weights_BV = keep_strongest(
            network.encode_texts(chunk), config.text.max_words, always_BV=own_BV
        )
        encoded.append(SparseBatch.from_dense(normalize(weights_BV).numpy(), vocabulary))
    return evaluate_retrieval(
        SparseBatch.concatenate(images, vocabulary),
        SparseBatch.concatenate(encoded, vocabulary),
        np.array(owners),
    )
