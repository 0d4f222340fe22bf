"""Soft tokens: vectors in the token space of a frozen text encoder, pooled from a picture.

ViLex (Visual Lexicon, section 3): attention pooling over what the picture's encoders give makes n
vectors in the space of the text encoder's token embeddings; they go through the frozen text encoder
as if they were words, alone or followed by words. TailDrop cuts tokens off the end, so that the
first ones say most. ViLex's decoder is a pretrained text-to-image model, which fixes what they
mean; here a loss on the text encoder's pooled output does.

Legend: B pictures, n soft tokens, H hidden size of the text encoder, C channels, N places of a map,
R fields of coarse features, F their size, T tokens of a text, V words, D codebook dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from lexret.config.rebuild import SoftConfig
from lexret.encoders.text.text_side import TextSide
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import InputError
from lexret.rebuild.layers import attended


@dataclass(frozen=True, eq=False)
class TextOutputs:
    """Outputs of a frozen text encoder for tokens.

    Attributes:
        hidden_BTH: its last hidden states, without those of its own marks.
        mask_BT: True where there is a token.
        pooled_BH: their mean, its own marks included, as the lexical model takes it.
    """

    hidden_BTH: Tensor
    mask_BT: Tensor
    pooled_BH: Tensor


class SoftPooling(nn.Module):
    """Attention pooling: n learnt queries look at the places of a map and at coarse features."""

    def __init__(
        self, config: SoftConfig, channels: int, feature_dim: int, mean_H: Tensor, spread: float
    ) -> None:
        super().__init__()
        self.config = config
        self.queries = nn.Parameter(0.5 * torch.randn(config.num_tokens, channels))
        self.place_norm = nn.LayerNorm(channels)
        self.coarse = nn.Sequential(nn.LayerNorm(feature_dim), nn.Linear(feature_dim, channels))
        self.query_norm = nn.LayerNorm(channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.up = nn.Linear(channels, 2 * channels)
        self.down = nn.Linear(2 * channels, channels)
        self.out = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, len(mean_H)))
        # Soft tokens begin where the text encoder's own tokens lie.
        self.register_buffer("mean_H", mean_H.clone())
        self.spread = nn.Parameter(torch.tensor(float(spread)))

    mean_H: Tensor

    def forward(self, map_BCSS: Tensor, coarse_BRF: Tensor) -> Tensor:
        """Return (B, n, H)."""
        batch, channels = map_BCSS.shape[:2]
        places_BNC = self.place_norm(map_BCSS.flatten(2).transpose(1, 2))
        # Features of a ReLU: their roots are spread more evenly.
        seen_BRC = self.coarse(coarse_BRF.clamp_min(0).sqrt())
        source_BTC = torch.cat([places_BNC, seen_BRC], dim=1)
        heads = self.config.num_heads

        def split(x: Tensor) -> Tensor:
            return x.reshape(batch, -1, heads, channels // heads).transpose(1, 2)

        start_BnC = self.queries.expand(batch, -1, -1)
        key, value = self.key_value(source_BTC).chunk(2, dim=-1)
        pooled = attended(split(self.query_norm(start_BnC)), split(key), split(value))
        hidden_BnC = start_BnC + pooled.transpose(1, 2).flatten(2)
        hidden_BnC = hidden_BnC + self.down(functional.silu(self.up(hidden_BnC)))
        return self.mean_H + self.spread * cast(Tensor, self.out(hidden_BnC))


class FrozenTexts(nn.Module):
    """Frozen text side of a lexical model, which also takes vectors for tokens.

    Raises:
        InputError: if the model's text side cannot take tokens.
    """

    def __init__(self, side: TextSide) -> None:
        super().__init__()
        if not isinstance(side.transformer, TextTransformer):
            raise InputError("Soft tokens need a model whose text side is a transformer.")
        self.side = side.eval().requires_grad_(False)
        self.net = cast(Any, side.transformer.net)
        tokenizer = side.transformer.tokenizer
        if tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
            raise InputError(
                "Soft tokens need a text transformer with marks around a text, such as BERT's; "
                "this model's has none."
            )
        self.first, self.last = int(tokenizer.cls_token_id), int(tokenizer.sep_token_id)
        self.tokenizer = tokenizer

    @property
    def rows_TH(self) -> Tensor:
        """The text encoder's token embeddings, one row a token of its vocabulary."""
        return cast(Tensor, self.net.get_input_embeddings().weight)

    def train(self, mode: bool = True) -> FrozenTexts:
        """Stay in evaluation mode: nothing here is trained."""
        return super().train(False)

    def token_ids(self, texts: list[str], most: int = 32) -> Tensor:
        """Return (B, T) token ids without the encoder's marks, -1 after each text's end."""
        found = self.tokenizer(texts, add_special_tokens=False, truncation=True, max_length=most)[
            "input_ids"
        ]
        width = max((len(ids) for ids in found), default=0)
        return torch.tensor([[*ids, *[-1] * (width - len(ids))] for ids in found])

    @torch.no_grad()
    def outputs_of_texts(self, ids_BT: Tensor) -> TextOutputs:
        """Encode texts by their tokens, with the encoder's marks; -1 after each text's end."""
        mask_BT = ids_BT >= 0
        hidden = self.net(
            input_ids=ids_BT.clamp_min(0), attention_mask=mask_BT.long()
        ).last_hidden_state
        return TextOutputs(hidden, mask_BT, _mean(hidden, mask_BT))

    def outputs_of_soft(
        self, soft_BnH: Tensor, mask_Bn: Tensor, ids_BT: Tensor | None = None
    ) -> TextOutputs:
        """Encode soft tokens as if they were words.

        Args:
            mask_Bn: True where a soft token is kept.
            ids_BT: tokens of the words that follow; -1 after their end. None: no words.
        """
        batch, device = len(soft_BnH), soft_BnH.device
        marks_2H = self.rows_TH[torch.tensor([self.first, self.last], device=device)]
        first_B1H, last_B1H = (mark.expand(batch, 1, -1) for mark in marks_2H)
        ends_B1 = torch.ones(batch, 1, dtype=torch.bool, device=device)
        parts, masks = [first_B1H, soft_BnH.to(first_B1H.dtype)], [ends_B1, mask_Bn]
        if ids_BT is not None and ids_BT.shape[1]:
            parts.append(self.rows_TH[ids_BT.clamp_min(0)])
            masks.append(ids_BT >= 0)
        embedded_BTH = torch.cat([*parts, last_B1H], dim=1)
        mask_BT = torch.cat([*masks, ends_B1], dim=1)
        # What is cut off takes no place in the order.
        positions_BT = (mask_BT.long().cumsum(1) - 1).clamp_min(0)
        # torch's fused attention takes many times as long backwards on CPUs.
        with sdpa_kernel(SDPBackend.MATH):
            hidden = self.net(
                inputs_embeds=embedded_BTH, attention_mask=mask_BT.long(), position_ids=positions_BT
            ).last_hidden_state
        return TextOutputs(hidden[:, 1:-1], mask_BT[:, 1:-1], _mean(hidden, mask_BT))

    def vectors(self, pooled_BH: Tensor, own_BV: Tensor | None = None) -> Tensor:
        """Return (B, D) vectors in the codebook's space of pooled outputs.

        Args:
            own_BV: 1 where the text holds a word of the vocabulary; None: nowhere.
        """
        if own_BV is None:
            own_BV = pooled_BH.new_zeros(len(pooled_BH), len(self.side.codebook_VD))
        return self.side.mapped(pooled_BH, own_BV)


def tail_drop_mask(kept_B: Tensor, num_tokens: int) -> Tensor:
    """Return (B, n) True for the first ``kept_B`` tokens of each picture (ViLex's TailDrop)."""
    return torch.arange(num_tokens, device=kept_B.device) < kept_B[:, None]


def _mean(hidden_BTH: Tensor, mask_BT: Tensor) -> Tensor:
    mask_BT1 = mask_BT.unsqueeze(-1).to(hidden_BTH.dtype)
    return (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
