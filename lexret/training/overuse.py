"""No unused word may be everywhere: biases are lowered until such words are rare.

The overuse penalty holds a word's weight down, not the number of pictures that it weakly fires in,
and words that hardly any training caption uses have nothing that says where they do not belong.

Legend: N pictures, P patches, F features, V words.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from lexret.encoders.network import ImageSide
from lexret.training.features import Features

_CHUNK = 64
# A word that so few pictures' captions use counts as unused.
_FEW = 5


@torch.no_grad()
def limit_use(image: ImageSide, features_NPF: Features, uses_V: Tensor, most: float) -> int:
    """Lower the biases of unused words that are active in too many of some pictures.

    A word that captions of fewer than five pictures use may be active (logit above 0) in the share
    ``most`` of the pictures.

    Args:
        uses_V: captions of how many training pictures use the word.

    Returns:
        how many words were held back.
    """
    device = image.bias_V.device
    logits = []
    for start in range(0, len(features_NPF), _CHUNK):
        chunk = torch.from_numpy(np.array(features_NPF[start : start + _CHUNK])).float()
        logits.append(image(chunk.nan_to_num().to(device)))
    logits_NV = torch.cat(logits)
    # The strongest logit that must become silent; at 0 or below it is already.
    place = min(int(most * len(logits_NV)), len(logits_NV) - 1)
    strongest_V = logits_NV.topk(place + 1, dim=0).values[place].clamp_min(0.0)
    excess_V = torch.where(uses_V.to(device) < _FEW, strongest_V, 0.0)
    image.bias_V.sub_(excess_V)
    return int((excess_V > 0).sum())


def picture_uses(words_NV: sparse.csr_array, owners_N: np.ndarray) -> Tensor:
    """Return (V,) captions of how many pictures use each word.

    Args:
        words_NV: which words each of N captions holds.
        owners_N: which picture each caption is of, from 0 without gaps.
    """
    num_pictures = int(owners_N.max()) + 1
    ones = np.ones(len(owners_N), np.float32)
    places = (owners_N, np.arange(len(owners_N)))
    of_pictures = sparse.csr_array((ones, places), shape=(num_pictures, len(owners_N)))
    held = (of_pictures @ words_NV) > 0
    return torch.from_numpy(np.asarray(held.sum(0)).ravel()).float()
