"""Text side of the network: texts in, logits and activations of words out.

Legend: B texts, H transformer's hidden size, D codebook dimension, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from lexret.config import ModelConfig, TextConfig
from lexret.encoders.activations import activate
from lexret.encoders.cosine_scale import scaled
from lexret.encoders.text.mapper import TextMapper
from lexret.vocabulary import STOP_WORDS, Vocabulary

# Texts whose pooled vectors are kept: 400 MB at 384 dimensions.
_MOST_REMEMBERED = 1 << 18


class PooledTexts(Protocol):
    """Module that gives each text one vector: a transformer, or a tower of a two-tower model."""

    hidden_size: int

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return (B, H) vectors."""
        ...


class TextSide(nn.Module):
    """Text side of the network: transformer, mapper, text codebook, the text's own words."""

    codebook_VD: Tensor | nn.Parameter
    content_V: Tensor

    def __init__(
        self,
        config: ModelConfig,
        transformer: PooledTexts,
        codebook_VD: Tensor,
        vocabulary: Vocabulary,
    ) -> None:
        super().__init__()
        self.config = config
        self.transformer = transformer
        # 1 for content words; a text whose words are its own alone has no others.
        content_V = torch.tensor([word not in STOP_WORDS for word in vocabulary])
        self.register_buffer("content_V", content_V.to(codebook_VD), persistent=False)
        self.mapper = _mapper(config.text, transformer.hidden_size, codebook_VD.shape[1])
        if config.text.train_codebook:
            self.codebook_VD = nn.Parameter(codebook_VD.clone())
        else:
            self.register_buffer("codebook_VD", codebook_VD)
        self._remembered: dict[str, Tensor] | None = None
        num_words, device = len(codebook_VD), codebook_VD.device
        self.bias_V = nn.Parameter(
            torch.full((num_words,), config.text.bias_start, device=device),
            requires_grad=config.text.word_bias,
        )
        own_weight = config.text.own_word_weight
        self.own_weight_V = nn.Parameter(
            torch.full((num_words,), own_weight or 0.0, device=device),
            requires_grad=own_weight is not None,
        )

    def forward(self, texts: Sequence[str], own_words_BV: Tensor) -> Tensor:
        """Return (B, V) activations; see :meth:`word_logits`."""
        return self.word_logits(self.vectors(texts, own_words_BV), own_words_BV)[1]

    def vectors(self, texts: Sequence[str], own_words_BV: Tensor) -> Tensor:
        """Return (B, D) texts in the codebook's space; for own words see :meth:`word_logits`.

        A model whose texts are their own words alone has no such vectors: they are zeros, and the
        transformer is not asked.
        """
        if self.config.text.words == "own":
            return self.codebook_VD.new_zeros(len(texts), self.codebook_VD.shape[1])
        return self.mapped(self.pooled(texts), own_words_BV)

    def mapped(self, pooled_BH: Tensor, own_words_BV: Tensor) -> Tensor:
        """Return (B, D) pooled outputs of the transformer in the codebook's space."""
        mapped_BD: Tensor = (
            self.mapper(pooled_BH, own_words_BV)
            if isinstance(self.mapper, TextMapper)
            else self.mapper(pooled_BH)
        )
        return scaled(mapped_BD, self.config.text.cosine_scale)

    def pooled(self, texts: Sequence[str]) -> Tensor:
        """Return (B, H) the transformer's pooled outputs."""
        if self._remembered is None:
            result: Tensor = self.transformer(texts)
            return result
        new = [text for text in dict.fromkeys(texts) if text not in self._remembered]
        if len(self._remembered) + len(new) > _MOST_REMEMBERED:
            self._remembered.clear()
            new = list(dict.fromkeys(texts))
        if new:
            with torch.no_grad():
                self._remembered |= zip(new, self.transformer(new), strict=True)
        return torch.stack([self._remembered[text] for text in texts])

    def remember(self) -> None:
        """Encode each text once from now on and keep the output, if the transformer is frozen."""
        if self.config.text.lora_rank == 0:
            self._remembered = {}

    def word_logits(self, vectors_BD: Tensor, own_words_BV: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, V) logits and (B, V) activations of what :meth:`vectors` gave.

        Args:
            own_words_BV: 1 where the text holds the word, else 0. Such a word's logit is raised
                by its learnt weight, and its activation is never below ``own_word_floor``;
                without these two it is a word like any other. Where texts are their own words
                alone, content words have the activation 1 and nothing else has any.
        """
        logits_BV = vectors_BD @ self.codebook_VD.t() + self.bias_V
        text = self.config.text
        if text.words == "own":
            weights_BV = own_words_BV * self.content_V
            return weights_BV, weights_BV
        if text.own_word_weight is not None:
            logits_BV = logits_BV + own_words_BV * self.own_weight_V
        weights_BV = activate(logits_BV, self.config.activation)
        if text.own_word_floor is None:
            return logits_BV, weights_BV
        return logits_BV, torch.maximum(weights_BV, own_words_BV * text.own_word_floor)


def _mapper(config: TextConfig, hidden_size: int, codebook_dim: int) -> nn.Linear | TextMapper:
    if config.mapper_width or config.caption_terms:
        return TextMapper(config, hidden_size, codebook_dim)
    mapper = nn.Linear(hidden_size, codebook_dim)
    if hidden_size == codebook_dim:
        # Sentences and words then start in the same space.
        nn.init.eye_(mapper.weight)
        nn.init.zeros_(mapper.bias)
    return mapper


def own_words(texts: Sequence[str], vocabulary: Vocabulary) -> Tensor:
    """Return (B, V) float32 with 1 where a text holds a word of the vocabulary, else 0."""
    own_BV = torch.zeros(len(texts), len(vocabulary))
    for row, text in enumerate(texts):
        term_ids, _ = vocabulary.match(text)
        own_BV[row, term_ids] = 1.0
    return own_BV
