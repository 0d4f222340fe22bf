"""Text mapper: from a text's pooled hidden state and its words to the codebook's space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lexret.config import TextConfig
from lexret.encoders.residual import ResidualMap
from lexret.encoders.text.caption_terms import CaptionTerms


class TextMapper(nn.Module):
    """Map from (B, H) pooled hidden states and (B, V) own words to (B, D)."""

    mean_H: Tensor

    def __init__(self, config: TextConfig, hidden_size: int, codebook_dim: int) -> None:
        super().__init__()
        num_terms, dim = config.caption_terms, config.caption_term_dim
        self.terms = CaptionTerms(num_terms, dim) if num_terms else None
        in_dim = hidden_size + (dim if num_terms else 0)
        self.register_buffer("mean_H", torch.zeros(in_dim))
        self.map = ResidualMap(in_dim, codebook_dim, config.mapper_width, config.mapper_dropout)

    def forward(self, pooled_BH: Tensor, own_BV: Tensor) -> Tensor:
        """Return (B, D)."""
        result: Tensor = self.map(self.inputs(pooled_BH, own_BV) - self.mean_H)
        return result

    def inputs(self, pooled_BH: Tensor, own_BV: Tensor) -> Tensor:
        """Return what is mapped, before it is centred."""
        if self.terms is None:
            return pooled_BH
        return torch.cat([pooled_BH, self.terms(own_BV)], dim=1)
