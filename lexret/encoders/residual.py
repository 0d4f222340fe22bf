"""Residual map: a linear layer plus a two-layer MLP, for maps that begin at a closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResidualMap(nn.Module):
    """Map from (..., in_dim) to (..., out_dim): ``direct(x) + down(relu(up(x)))``.

    The MLP's last layer begins at zero, so that a fresh map is its linear part.

    Args:
        width: hidden width of the MLP; 0: no MLP.
        dropout: on the input and on the MLP's hidden layer. Rows of a (B, P, in_dim) input share
            the mask of their picture.
    """

    def __init__(self, in_dim: int, out_dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.direct = nn.Linear(in_dim, out_dim)
        self.up = nn.Linear(in_dim, width) if width else None
        self.down = nn.Linear(width, out_dim) if width else None
        if self.down is not None:
            nn.init.zeros_(self.down.weight)
            nn.init.zeros_(self.down.bias)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out_dim)."""
        if self.training and self.dropout:
            shape = (len(x), 1, x.shape[-1]) if x.ndim == 3 else x.shape
            x = x * functional.dropout(torch.ones(shape, device=x.device), self.dropout)
        result: Tensor = self.direct(x)
        if self.up is not None and self.down is not None:
            hidden = functional.dropout(self.up(x).relu(), self.dropout, self.training)
            result = result + self.down(hidden)
        return result
