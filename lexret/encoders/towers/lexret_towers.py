"""The dense towers of a lexret model: what it matches pictures and texts by besides its words.

So a model's own towers can be made into a lexical model without training, and compared with what
training made of them.

Legend: B items, P patches, S pixels a side, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lexret.encoders.folder.checkpoint import load_checkpoint
from lexret.encoders.folder.loading import codebook_of, load_side
from lexret.encoders.folder.record import find_model
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.text.text_side import TextSide, own_words
from lexret.encoders.text.transformer import TextTransformer
from lexret.encoders.tower_source import TowerSource, is_tower_source
from lexret.encoders.towers.towers import TowerModule, TowerShape
from lexret.errors import InputError


class LexretTowers(TowerModule):
    """Two-tower model that is the dense side of a lexret model.

    Raises:
        InputError: if the model was itself made of a two-tower model.
        MissingError, CorruptError: if it cannot be loaded.
    """

    net: TextSide

    def __init__(self, source: TowerSource) -> None:
        super().__init__()
        checkpoint = load_checkpoint(find_model(Path(source.name)))
        if is_tower_source(checkpoint.config.image.backbone):
            raise InputError(
                f"{source.name} was made of {checkpoint.config.image.backbone}; name that instead."
            )
        self._sha256 = checkpoint.sha256
        self._vocabulary = checkpoint.vocabulary
        config, image = checkpoint.config, checkpoint.config.image
        self.backbone = ImageBackbone(image)
        self.images = ImageSide(image, codebook_of(checkpoint, "image.codebook_VD"))
        load_side(self.images, checkpoint, "image.")
        codebook_VD = codebook_of(checkpoint, "text.codebook_VD")
        self.net = TextSide(config, TextTransformer(config.text), codebook_VD, self._vocabulary)
        load_side(self.net, checkpoint, "text.")
        self._shape = TowerShape(
            image.image_size, image.image_size // image.stride, config.codebook.dim,
            image.mean, image.std,
        )  # fmt: skip

    @property
    def shape(self) -> TowerShape:
        """What it takes and gives."""
        return self._shape

    def fingerprint(self) -> str:
        """Return the digest of the model's weights."""
        return self._sha256

    def encode_pictures(self, inputs_B3SS: Tensor) -> Tensor:
        """Return (B, D) vectors of standardised pictures, not normalised."""
        return self.encode_patches(inputs_B3SS)[0]

    def encode_patches(self, inputs_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, D) pictures and (B, P, D) patches, row by row, not normalised."""
        inputs = inputs_B3SS.contiguous(memory_format=torch.channels_last)
        features_BPF = self.backbone.features_of_inputs(inputs)
        patches_BPD, pictures_BD = self.images.with_picture_vectors(features_BPF)
        return pictures_BD, patches_BPD

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return (B, D) vectors of texts, not normalised."""
        own_BV = own_words(texts, self._vocabulary).to(self.device)
        return self.net.vectors(texts, own_BV)
