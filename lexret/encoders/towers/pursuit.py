"""Matching pursuit: a vector as a sum of a few words with weights above zero.

A picture's vector x is written as a sum of words' vectors, x ~ sum_v w_v c_v with w >= 0 and few
w_v above 0, as SpLiCE does (Bhalla et al., NeurIPS 2024, section 3). Each step takes the word that
is most like what is left of x, and adds to its weight (matching pursuit, Mallat and Zhang, 1993,
with weights that stay above zero). A text t then scores the picture by (C t) . w, which is the
inner product of t with the sum.

Only the words that are most like the picture itself take part: none is there merely to make up for
another, and text -> picture recall is better for it. The words of the first steps say most: cutting
a long sum to its strongest words gives nearly what a short one would.

Legend: B pictures, K words that take part, V words, D dimensions.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

NUM_LIKEST: Final = 2048
# A word adds nothing more once what is left is so much like no word.
_LEAST_GAIN: Final = 1e-4
# Pictures whose words' products are in memory together: 134 MB.
_CHUNK: Final = 8


def pursue(vectors_BD: Tensor, codebook_VD: Tensor, num_words: int) -> Tensor:
    """Return (B, V) weights, none below zero, at most ``num_words`` above it in each row.

    Args:
        codebook_VD: unit vectors; a row of zeros is a word that is never taken.
    """
    weights_BV = vectors_BD.new_zeros(len(vectors_BD), len(codebook_VD))
    num_likest = min(NUM_LIKEST, len(codebook_VD))
    for rows_BV, part_BD in zip(weights_BV.split(_CHUNK), vectors_BD.split(_CHUNK), strict=True):
        likeness_BK, likest_BK = (part_BD @ codebook_VD.t()).topk(num_likest, dim=1)
        words_BKD = codebook_VD[likest_BK] * (likeness_BK > 0).unsqueeze(-1)
        products_BKK = words_BKD @ words_BKD.transpose(1, 2)
        likeness_BK = likeness_BK.clamp_min(0.0)
        rows_BV.scatter_(1, likest_BK, _pursue_among(likeness_BK, products_BKK, num_words))
    return weights_BV


def _pursue_among(likeness_BK: Tensor, products_BKK: Tensor, num_words: int) -> Tensor:
    """Return (B, K) weights of each picture's own words.

    Args:
        likeness_BK: how much each word is like the picture.
        products_BKK: inner products of the words with each other.
    """
    weights_BK = torch.zeros_like(likeness_BK)
    rows_B = torch.arange(len(likeness_BK), device=likeness_BK.device)
    for _ in range(num_words):
        gain_B, word_B = likeness_BK.max(1)
        gain_B = torch.where(gain_B > _LEAST_GAIN, gain_B, 0.0)
        if not gain_B.any():
            break
        weights_BK[rows_B, word_B] += gain_B
        likeness_BK = likeness_BK - gain_B.unsqueeze(1) * products_BKK[rows_B, word_B]
    return weights_BK
