"""Caption terms: latent semantic vectors of the words that training captions use.

A transformer's sentence vector says what a text means; these say which words it holds, weighted
by how rare they are, in few dimensions (Deerwester et al., Indexing by Latent Semantic Analysis,
JASIS 41, 1990).

Legend: R terms (words of the captions), L latent dimensions, V words, B texts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CaptionTerms(nn.Module):
    """Module from (B, V), which words each text holds, to (B, L).

    A text's vector is sum_r idf_r t_r / sqrt(sum_r idf_r^2) over its terms r: TF-IDF with binary
    counts, of unit length, projected. Terms that the training captions lack, and unused rows of
    the tables, are 0.
    """

    term_ids_R: Tensor
    idf_R: Tensor
    vectors_RL: Tensor

    def __init__(self, num_terms: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("term_ids_R", torch.zeros(num_terms, dtype=torch.int64))
        self.register_buffer("idf_R", torch.zeros(num_terms))
        self.register_buffer("vectors_RL", torch.zeros(num_terms, dim))

    def forward(self, own_BV: Tensor) -> Tensor:
        """Return (B, L)."""
        weights_BR = (own_BV[:, self.term_ids_R] > 0) * self.idf_R
        return nn.functional.normalize(weights_BR, dim=-1) @ self.vectors_RL
