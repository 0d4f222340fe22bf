"""Vectors of weights: cut to their budget, normalised, cut by the threshold.

Legend: B items, V words.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lexret.config import ModelConfig
from lexret.encoders.activations import normalize
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def image_vectors(weights_BV: Tensor, config: ModelConfig, vocabulary: Vocabulary) -> SparseBatch:
    """Cut pictures' weights to their budget, normalise, and cut by the threshold."""
    kept_BV = keep_strongest(weights_BV, config.max_image_words)
    normalized_BV = normalize(kept_BV, threshold=config.threshold)
    return SparseBatch.from_dense(normalized_BV.numpy(), vocabulary)


def text_vectors(
    weights_BV: Tensor, own_BV: Tensor, config: ModelConfig, vocabulary: Vocabulary
) -> SparseBatch:
    """Cut texts' weights to their budget, normalise, and cut by the threshold.

    Their own words are kept in any case, if ``own_word_floor`` is set.
    """
    always_BV = own_BV if config.text.own_word_floor is not None else None
    kept_BV = keep_strongest(weights_BV, config.text.max_words, always_BV=always_BV)
    normalized_BV = normalize(kept_BV, threshold=config.threshold, always_NV=always_BV)
    return SparseBatch.from_dense(normalized_BV.numpy(), vocabulary)


def keep_strongest(weights_BV: Tensor, k: int, *, always_BV: Tensor | None = None) -> Tensor:
    """Zero all but the ``k`` largest weights of each row.

    Args:
        always_BV: where positive, the weight is kept in any case (and counts among the ``k``).
    """
    if k >= weights_BV.shape[1]:
        return weights_BV
    order_BV = weights_BV if always_BV is None else weights_BV + (always_BV > 0) * 1e6
    kept_BV = torch.zeros_like(weights_BV)
    places = order_BV.topk(k, dim=1).indices
    kept_BV.scatter_(1, places, weights_BV.gather(1, places))
    return kept_BV if always_BV is None else torch.where(always_BV > 0, weights_BV, kept_BV)
