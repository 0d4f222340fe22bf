"""Layers of the encoder and the decoder.

Legend: B pictures, C channels, S side of a map, N places of a map (S S), T tokens, M heads.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


def attended(
    query_BMNc: Tensor, key_BMTc: Tensor, value_BMTc: Tensor, mask_BT: Tensor | None = None
) -> Tensor:
    """Return (B, M, N, c) softmax(q k / sqrt(c)) v; where the mask is False nothing is looked at.

    Written out: torch's fused attention takes many times as long backwards on CPUs.
    """
    scores_BMNT = (query_BMNc * query_BMNc.shape[-1] ** -0.5) @ key_BMTc.transpose(-2, -1)
    if mask_BT is not None:
        scores_BMNT = scores_BMNT.masked_fill(~mask_BT[:, None, None, :], float("-inf"))
    seen_BMNc: Tensor = scores_BMNT.softmax(dim=-1).to(value_BMTc.dtype) @ value_BMTc
    return seen_BMNc


class ChannelNorm(nn.Module):
    """Normalisation of each place's channels: with channels last a pass over memory."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x_BCSS: Tensor) -> Tensor:
        """Return (B, C, S, S)."""
        normed: Tensor = self.norm(x_BCSS.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two convolutions beside a short cut; the last begins at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast(Tensor, self.second.bias))

    def forward(self, x_BCSS: Tensor) -> Tensor:
        """Return (B, C, S, S)."""
        hidden = functional.silu(self.first(self.norm(x_BCSS)))
        return x_BCSS + cast(Tensor, self.second(hidden))


class Down(nn.Module):
    """Half the side: each 2 x 2 places become channels, which are mixed."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(4 * channels_in, channels_out, 1)

    def forward(self, x_BCSS: Tensor) -> Tensor:
        """Return (B, C', S / 2, S / 2)."""
        mixed: Tensor = self.mix(functional.pixel_unshuffle(x_BCSS, 2))
        return mixed


class Up(nn.Module):
    """Twice the side: channels are mixed and become 2 x 2 places each."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels_in, 4 * channels_out, 1)
        with torch.no_grad():
            # The four places begin alike: no chequers (Aitken et al., 2017).
            self.mix.weight.copy_(self.mix.weight[::4].repeat_interleave(4, dim=0))
            bias = cast(Tensor, self.mix.bias)
            bias.copy_(bias[::4].repeat_interleave(4))

    def forward(self, x_BCSS: Tensor) -> Tensor:
        """Return (B, C', 2 S, 2 S)."""
        return functional.pixel_shuffle(cast(Tensor, self.mix(x_BCSS)), 2)


class Attention(nn.Module):
    """Attention of a map's places: to themselves, or to tokens beside it (cross-attention).

    Args:
        token_dim: of the tokens; None: the places attend to themselves.
    """

    def __init__(self, channels: int, heads: int, token_dim: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(token_dim or channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, x_BNC: Tensor, tokens_BTC: Tensor | None = None, mask_BT: Tensor | None = None
    ) -> Tensor:
        """Return (B, N, C).

        Args:
            mask_BT: True where there is a token; each picture has one or more.
        """
        normed_BNC = self.norm(x_BNC)
        source_BTC = normed_BNC if tokens_BTC is None else tokens_BTC
        query = self._heads(self.query(normed_BNC))
        key, value = (self._heads(part) for part in self.key_value(source_BTC).chunk(2, dim=-1))
        seen_BMNc = attended(query, key, value, mask_BT)
        return x_BNC + cast(Tensor, self.out(seen_BMNc.transpose(1, 2).flatten(2)))

    def _heads(self, x_BNC: Tensor) -> Tensor:
        batch, count, channels = x_BNC.shape
        split: Tensor = x_BNC.reshape(batch, count, self.heads, channels // self.heads)
        return split.transpose(1, 2)


class MapAttention(nn.Module):
    """Self-attention of a map, then cross-attention to tokens (V2L Tokenizer, section 3.2)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.own = Attention(channels, heads)
        self.cross = Attention(channels, heads, channels)

    def forward(self, x_BCSS: Tensor, tokens_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Return (B, C, S, S)."""
        batch, channels, height, width = x_BCSS.shape
        rows_BNC = x_BCSS.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        seen_BNC: Tensor = self.cross(self.own(rows_BNC), tokens_BTC, mask_BT)
        return seen_BNC.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
