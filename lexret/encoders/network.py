"""The trainable network: both sides, one vocabulary, one codebook space.

Legend: B items, P patches, F backbone features, D codebook dimension, V words.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lexret.config import ModelConfig
from lexret.encoders.image.image_side import ImageSide, silence
from lexret.encoders.text.codebook import build_codebook
from lexret.encoders.text.text_side import TextSide, own_words
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary


class LexicalNetwork(nn.Module):
    """Network of both sides without the image backbone: all that is trained, and what it needs."""

    def __init__(
        self, config: ModelConfig, vocabulary: Vocabulary, codebook_VD: Tensor | None = None
    ) -> None:
        """Build a fresh network.

        Args:
            codebook_VD: (V, D) first vectors of both codebooks; None: made from the configured
                sources.

        Raises:
            InputError: if it is the configuration of a model made of two towers.
        """
        super().__init__()
        if config.image.adapter == "pursuit":
            raise InputError(
                "model.image.adapter 'pursuit' is for what `lexret models make` makes of two "
                "towers, which cannot be trained; choose 'attention' or 'context'."
            )
        self.config = config
        self.vocabulary = vocabulary
        transformer = TextTransformer(config.text)
        if codebook_VD is None:
            codebook_VD = build_codebook(config.codebook, vocabulary, transformer)
        self.image = ImageSide(config.image, codebook_VD)
        self.text = TextSide(config, transformer, codebook_VD, vocabulary)
        silence(self.image, vocabulary)

    def own_words(self, texts: Sequence[str]) -> Tensor:
        """Return (B, V) with 1 where a text holds a word, on the network's device."""
        return own_words(texts, self.vocabulary).to(self.text.codebook_VD.device)

    def encode_features(
        self, features_BPF: Tensor, *, precision: torch.dtype = torch.float32
    ) -> Tensor:
        """Return (B, V) activations of pictures given as patch features, not normalised."""
        return self.image.word_weights(features_BPF, self.config.activation, precision=precision)

    def trained_state(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold: all but the frozen pretrained transformer."""
        return {
            name: tensor
            for name, tensor in self.state_dict().items()
            if not name.startswith("text.transformer.") or ".lora_" in name
        }
