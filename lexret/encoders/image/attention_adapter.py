"""The image side's adapter: one self-attention layer and a two-layer MLP over patches."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lexret.config import ImageConfig


class Adapter(nn.Module):
    """Adapter from (B, P, F) backbone features to (B, P, D) vectors in the codebook's space.

    As LexVLA's count of parameters implies (17.30 M for 768 -> 3072 -> 4096 with 768-wide
    attention), no layer has a bias and the norms have no weights. With ``config.width`` a linear
    layer first narrows the features, for backbones that are wide and data that are few.

    Raises:
        ValueError: from torch, if the width is not a multiple of the number of heads.
    """

    def __init__(self, config: ImageConfig, codebook_dim: int) -> None:
        super().__init__()
        width = config.width or config.feature_dim
        narrow = config.width is not None
        self.narrow = nn.Linear(config.feature_dim, width, bias=False) if narrow else nn.Identity()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_in = nn.LayerNorm(config.feature_dim, elementwise_affine=False)
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=False)
        self.norm_mlp = nn.LayerNorm(width, elementwise_affine=False)
        self.up = nn.Linear(width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, codebook_dim, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, features_BPF: Tensor) -> Tensor:
        """Return (B, P, D)."""
        x_BPW = self.narrow(self.dropout(self.norm_in(features_BPF)))
        x_BPW = x_BPW + self._attend(self.norm_attention(x_BPW))
        hidden = functional.gelu(self.up(self.norm_mlp(x_BPW)))
        result: Tensor = self.down(self.dropout(hidden))
        return result

    def _attend(self, x_BPW: Tensor) -> Tensor:
        b, p, w = x_BPW.shape
        shaped = self.qkv(x_BPW).view(b, p, 3, self.num_heads, w // self.num_heads)
        query, key, value = shaped.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.out(mixed.transpose(1, 2).reshape(b, p, w))
        return result
