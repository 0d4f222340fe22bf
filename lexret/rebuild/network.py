"""Network that rebuilds pictures from their tokens: one encoder, one decoder, three kinds of token.

::

    pixels -> encoder -> map -> cells (the nearest entries of a vocabulary)      --+
                             -> soft tokens -> frozen text encoder               --+-> decoder
    words of the picture (their codebook vectors, weighted)                      --+   -> pixels
    text of a caption, or the picture's own words: condition encoder and decoder --+

The cells are the map that the decoder starts from; all other tokens enter by cross-attention.

Legend: B pictures, S side in pixels, C channels of the innermost map, I its side, G rows and
columns of cells, D dimensions of the cells' codes, K words, W dimensions of the words' vectors, T
tokens of the context, H hidden size of the text encoder, n soft tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.config.rebuild import NetworkConfig
from lexret.rebuild.layers import ChannelNorm, Down, MapAttention, ResidualBlock, Up
from lexret.rebuild.quantizer import Quantizer
from lexret.rebuild.soft import SoftPooling

_COLOURS = 3


@dataclass(frozen=True, eq=False)
class Context:
    """Tokens that a map looks at by cross-attention.

    Attributes:
        tokens_BTC: in the map's channels.
        mask_BT: True where there is a token.
        mean_BC: is added to every place: the mean of the words, weighted.
    """

    tokens_BTC: Tensor
    mask_BT: Tensor
    mean_BC: Tensor


@dataclass(frozen=True, eq=False)
class WordTokens:
    """Words of pictures.

    Attributes:
        vectors_BKW: their codebook vectors.
        weights_BK: relative to each picture's strongest word; 0: there is no word.
    """

    vectors_BKW: Tensor
    weights_BK: Tensor


@dataclass(frozen=True, eq=False)
class TextTokens:
    """Outputs of a frozen text encoder: of a caption's tokens, or of soft tokens.

    Attributes:
        hidden_BTH: its last hidden states.
        mask_BT: True where there is a token.
    """

    hidden_BTH: Tensor
    mask_BT: Tensor


@dataclass(frozen=True, slots=True)
class NetworkSizes:
    """Sizes that the frozen parts around a network set.

    Attributes:
        word_dim: dimensions of the words' vectors.
        feature_dim: of the image backbone's features.
        hidden_size: of the text encoder.
    """

    word_dim: int
    feature_dim: int
    hidden_size: int


class RebuildNetwork(nn.Module):
    """Encoder, cells and decoder.

    Args:
        vectors_EH: vectors of the cells' vocabulary; frozen.
        token_mean_H, token_spread: mean and spread of the text encoder's token embeddings, where
            soft tokens begin; None: zeros and one.
    """

    def __init__(
        self,
        config: NetworkConfig,
        sizes: NetworkSizes,
        vectors_EH: Tensor,
        *,
        token_mean_H: Tensor | None = None,
        token_spread: float = 1.0,
    ) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        channels = config.widths[-1]
        self.encoder = Encoder(config)
        self.quantizer = Quantizer(config.cells, vectors_EH)
        self.decoder = Decoder(config)
        self.to_code = nn.Conv2d(channels, config.cells.dim, 1)
        self.contexts = ContextMaker(config, sizes)
        if config.soft.num_tokens:
            mean_H = torch.zeros(sizes.hidden_size) if token_mean_H is None else token_mean_H
            self.soft = SoftPooling(config.soft, channels, sizes.feature_dim, mean_H, token_spread)

    def encoded(self, pixels_B3SS: Tensor, context: Context) -> Tensor:
        """Return (B, C, I, I), the encoder's map of pictures from -1 to 1."""
        result: Tensor = self.encoder(pixels_B3SS, context)
        return result

    def codes(self, map_BCII: Tensor) -> Tensor:
        """Return (B, D, G, G), what the cells are chosen by."""
        factor = self.config.inner // self.config.cells.grid
        code_map: Tensor = self.to_code(map_BCII)
        return functional.avg_pool2d(code_map, factor) if factor > 1 else code_map


class ContextMaker(nn.Module):
    """Maker of contexts: tokens of every kind in the map's channels, and one that says nothing."""

    def __init__(self, config: NetworkConfig, sizes: NetworkSizes) -> None:
        super().__init__()
        channels = config.widths[-1]
        self.nothing = nn.Parameter(0.1 * torch.randn(channels))
        self.words = nn.Linear(sizes.word_dim + 1, channels)
        self.word_norm = nn.LayerNorm(channels)
        self.mean = nn.Linear(sizes.word_dim, channels)
        self.text = nn.Sequential(
            nn.LayerNorm(sizes.hidden_size), nn.Linear(sizes.hidden_size, channels)
        )
        self.soft = nn.Sequential(
            nn.LayerNorm(sizes.hidden_size), nn.Linear(sizes.hidden_size, channels)
        )
        self.places = nn.Parameter(0.1 * torch.randn(max(1, config.soft.num_tokens), channels))

    def forward(
        self,
        batch: int,
        words: WordTokens | None = None,
        text: TextTokens | None = None,
        soft: TextTokens | None = None,
    ) -> Context:
        """Join what is given to the tokens of ``batch`` pictures."""
        tokens = [self.nothing.expand(batch, 1, -1)]
        device = self.nothing.device
        masks = [torch.ones(batch, 1, dtype=torch.bool, device=device)]
        mean_BC = self.nothing.new_zeros(batch, len(self.nothing))
        if words is not None:
            weights_BK1 = words.weights_BK.unsqueeze(-1)
            joined = torch.cat([words.vectors_BKW * weights_BK1.sqrt(), weights_BK1], dim=-1)
            tokens.append(self.word_norm(self.words(joined)))
            masks.append(words.weights_BK > 0)
            total_B1 = words.weights_BK.sum(1, keepdim=True)
            mean_BW = (words.vectors_BKW * weights_BK1).sum(1) / total_B1.clamp_min(1e-6)
            mean_BC = self.mean(mean_BW) * (total_B1 > 0)
        if text is not None:
            tokens.append(self.text(text.hidden_BTH))
            masks.append(text.mask_BT)
        if soft is not None:
            tokens.append(self.soft(soft.hidden_BTH) + self.places[: soft.hidden_BTH.shape[1]])
            masks.append(soft.mask_BT)
        kind = tokens[-1].dtype
        return Context(
            torch.cat([part.to(kind) for part in tokens], dim=1), torch.cat(masks, dim=1), mean_BC
        )


class Encoder(nn.Module):
    """Convolutional encoder; a text conditions it at its innermost map."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = config.widths
        self.start = nn.Conv2d(4 * _COLOURS, widths[0], 3, padding=1)
        self.levels = nn.ModuleList()
        for level, width in enumerate(widths):
            blocks = [ResidualBlock(width) for _ in range(config.blocks)]
            down = [Down(widths[level - 1], width)] if level else []
            self.levels.append(nn.Sequential(*down, *blocks))
        inner = widths[-1]
        self.attends = config.text != "none"
        if self.attends:
            self.attention = MapAttention(inner, config.attention_heads)
            self.last = ResidualBlock(inner)
        self.norm = ChannelNorm(inner)

    def forward(self, pixels_B3SS: Tensor, context: Context) -> Tensor:
        """Return (B, C, I, I)."""
        x = self.start(functional.pixel_unshuffle(pixels_B3SS, 2))
        for level in self.levels:
            x = level(x)
        if self.attends:
            x = self.last(self.attention(x, context.tokens_BTC, context.mask_BT))
        normed: Tensor = self.norm(x)
        return normed


class Decoder(nn.Module):
    """Convolutional decoder; its innermost map attends to itself and to the context."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths, inner, grid = config.widths, config.widths[-1], config.cells.grid
        self.inner_side, self.factor = config.inner, config.inner // grid
        self.start = nn.Conv2d(config.cells.dim, inner, 1)
        self.no_cells = nn.Parameter(torch.zeros(inner))
        self.places = nn.Parameter(0.1 * torch.randn(1, inner, self.inner_side, self.inner_side))
        self.attentions = nn.ModuleList(
            MapAttention(inner, config.attention_heads) for _ in range(config.blocks)
        )
        self.inner = nn.ModuleList(ResidualBlock(inner) for _ in range(config.blocks))
        self.levels = nn.ModuleList()
        for level in range(len(widths) - 1, 0, -1):
            width = widths[level - 1]
            blocks = [ResidualBlock(width) for _ in range(config.blocks)]
            self.levels.append(nn.Sequential(Up(widths[level], width), *blocks))
        self.norm = ChannelNorm(widths[0])
        self.end = nn.Conv2d(widths[0], 4 * _COLOURS, 3, padding=1)

    def forward(self, codes_BDGG: Tensor, has_cells_B: Tensor, context: Context) -> Tensor:
        """Return (B, 3, S, S), about -1 to 1.

        Args:
            has_cells_B: False: the picture's cells are not known, and not looked at.
        """
        x = self.start(codes_BDGG)
        if self.factor > 1:
            x = functional.interpolate(x, scale_factor=float(self.factor), mode="nearest")
        has_B111 = has_cells_B[:, None, None, None].to(x.dtype)
        x = x * has_B111 + self.no_cells[None, :, None, None] * (1 - has_B111)
        x = x + self.places + context.mean_BC[:, :, None, None]
        for attention, block in zip(self.attentions, self.inner, strict=True):
            x = block(attention(x, context.tokens_BTC, context.mask_BT))
        for level in self.levels:
            x = level(x)
        pixels: Tensor = functional.pixel_shuffle(self.end(functional.silu(self.norm(x))), 2)
        return pixels
