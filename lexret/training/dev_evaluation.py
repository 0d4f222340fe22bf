"""Evaluation on a dev split while training, from cached features."""

from __future__ import annotations

import numpy as np
import torch

from lexret.captions.caption_set import CaptionSet
from lexret.encoders.image.feature_cache import Features
from lexret.encoders.model import image_vectors, text_vectors
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.text.queries import QueryForm, as_queries
from lexret.eval.retrieval.recall import RetrievalResult, evaluate_retrieval
from lexret.sparse import SparseBatch

_BATCH = 64


@torch.inference_mode()
def evaluate_dev(
    network: LexicalNetwork, captions: CaptionSet, features_NPF: Features
) -> RetrievalResult:
    """Return recall in both directions, with the word budgets that the model will ship with."""
    config, vocabulary = network.config, network.vocabulary
    device = network.text.codebook_VD.device
    images = []
    for start in range(0, len(captions), _BATCH):
        features = torch.from_numpy(np.array(features_NPF[start : start + _BATCH])).float()
        weights_BV = network.encode_features(features.to(device)).cpu()
        images.append(image_vectors(weights_BV, config, vocabulary))
    texts: list[str] = []
    owners: list[int] = []
    for i in range(len(captions)):
        texts.extend(captions.captions(i))
        owners.extend([i] * len(captions.captions(i)))
    encoded = []
    for start in range(0, len(texts), _BATCH):
        chunk = texts[start : start + _BATCH]
        own_BV = network.own_words(chunk)
        weights_BV = network.text(chunk, own_BV).cpu()
        encoded.append(text_vectors(weights_BV, own_BV.cpu(), config, vocabulary))
    documents = SparseBatch.concatenate(encoded, vocabulary)
    form = QueryForm(config.text.query_power, config.text.query_typed_weight)
    return evaluate_retrieval(
        SparseBatch.concatenate(images, vocabulary),
        documents,
        np.array(owners),
        queries=as_queries(documents, texts, form),
    )
