"""Context adapter, for small training sets: each patch enters relative to its picture's mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lexret.config import ImageConfig
from lexret.encoders.residual import ResidualMap


class ContextAdapter(nn.Module):
    """Adapter from (B, P, F) backbone features to vectors in the codebook's space.

    Features are square-rooted (which tames the few large ones, as power normalisation does;
    Perronnin et al., ECCV 2010, section 3.2) and standardised. With m the mean of a picture's P
    rows, patch p enters the map as m + spread (x_p - m): the attention of the paper's adapter with
    even weights. The mean itself, mapped in the same way, stands for the whole picture.
    """

    mean_F: Tensor
    scale_F: Tensor

    def __init__(self, config: ImageConfig, codebook_dim: int) -> None:
        super().__init__()
        self.spread = config.spread
        self.register_buffer("mean_F", torch.zeros(config.feature_dim))
        self.register_buffer("scale_F", torch.ones(config.feature_dim))
        self.map = ResidualMap(config.feature_dim, codebook_dim, config.mlp_width, config.dropout)

    def forward(self, features_BPF: Tensor) -> Tensor:
        """Return (B, P, D)."""
        return self.with_picture(features_BPF)[0]

    def with_picture(
        self, features_BPF: Tensor, num_patches: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the patches and (B, D) the whole pictures.

        Args:
            num_patches: return this many patches, drawn at random for all pictures; None: all.
        """
        rows_BPF = self.standardised(features_BPF)
        mean_B1F = rows_BPF.mean(1, keepdim=True)
        if num_patches is not None and num_patches < rows_BPF.shape[1]:
            rows_BPF = rows_BPF[:, torch.randperm(rows_BPF.shape[1])[:num_patches]]
        seen_BPF = torch.lerp(mean_B1F, rows_BPF, self.spread)
        mapped_BPD: Tensor = self.map(torch.cat([seen_BPF, mean_B1F], dim=1))
        return mapped_BPD[:, :-1], mapped_BPD[:, -1]

    def standardised(self, features_BPF: Tensor) -> Tensor:
        """Return (B, P, F) standardised square roots."""
        return (square_roots(features_BPF) - self.mean_F) / self.scale_F


def square_roots(features: Tensor) -> Tensor:
    """Return the square roots of the features' positive parts, of the same shape."""
    return features.clamp_min(0.0).sqrt()
