"""Matching pursuit: a vector as a sum of a few words with weights above zero.

A picture's vector x is written as a sum of words' vectors, x ~ sum_v w_v c_v with w >= 0 and few
w_v above 0, as SpLiCE does (Bhalla et al., NeurIPS 2024, section 3). Each step takes the word that
is most like what is left of x, and adds to its weight (matching pursuit, Mallat and Zhang, 1993,
with weights that stay above zero). A text t then scores the picture by (C t) . w, which is the
inner product of t with the sum.

The words of the first steps are those that say most: cutting a long sum to its strongest words
gives nearly what a short one would.

Legend: B pictures, V words, D dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

# A word adds nothing more once what is left is so much like no word.
_LEAST_GAIN = 1e-4


def pursue(vectors_BD: Tensor, codebook_VD: Tensor, num_words: int) -> Tensor:
    """Return (B, V) weights, none below zero, at most ``num_words`` above it in each row.

    Args:
        codebook_VD: unit vectors; a row of zeros is a word that is never taken.
    """
    batch, rows_B = len(vectors_BD), torch.arange(len(vectors_BD), device=vectors_BD.device)
    weights_BV = vectors_BD.new_zeros(batch, len(codebook_VD))
    left_BD = vectors_BD.clone()
    for _ in range(num_words):
        gain_B, word_B = (left_BD @ codebook_VD.t()).max(1)
        gain_B = torch.where(gain_B > _LEAST_GAIN, gain_B, 0.0)
        if not gain_B.any():
            break
        weights_BV[rows_B, word_B] += gain_B
        left_BD = left_BD - gain_B.unsqueeze(1) * codebook_VD[word_B]
    return weights_BV
