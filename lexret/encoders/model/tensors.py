"""A model as a network of tensors, for those who train it further or build on it.

:mod:`lexret.training.losses` has the losses that lexret trains with. Legend: B items, P patches,
V words, S pixels of a side, F features, D codebook dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from PIL import Image
from torch import Tensor, nn

from lexret.encoders.activations import normalize
from lexret.encoders.folder.checkpoint import Checkpoint
from lexret.encoders.folder.loading import codebook_of, load_side
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.image.standardising import standardised
from lexret.encoders.model.vectors import keep_strongest
from lexret.encoders.protocol import PatchGrid, require_pictures
from lexret.encoders.text.text_side import TextSide, own_words
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import InputError


class LexicalTensors(nn.Module):
    """Network of a model, with gradients: pixels and texts in, dense weights of all words out.

    ``forward`` and ``texts`` give the numbers that the model's encoders give, so a vector that is
    learnt here can be indexed there. What the model trains (:attr:`image`, :attr:`text`) has
    gradients; image backbone and transformer are frozen, but for LoRA.

    Args:
        checkpoint: the model, as :attr:`LexicalModel.checkpoint` gives it; its tensors are copied.
        with_text: load the text side too, which needs the transformer.

    Raises:
        InputError: if the model was made of two towers by ``lexret models make``.
        MissingError: if a backbone is not there.
        CorruptError: if the model's tensors do not fit its configuration.
    """

    def __init__(self, checkpoint: Checkpoint, *, with_text: bool = True) -> None:
        super().__init__()
        config = checkpoint.config
        if config.image.adapter == "pursuit":
            raise InputError(
                f"{checkpoint.model_id} is made of two towers, which are not trained here; take "
                "the towers themselves, or a model that was trained."
            )
        self.config, self.vocabulary = config, checkpoint.vocabulary
        self.backbone = ImageBackbone(config.image)
        self.image = ImageSide(config.image, codebook_of(checkpoint, "image.codebook_VD"))
        load_side(self.image, checkpoint, "image.")
        self.text: TextSide | None = None
        if with_text:
            codebook_VD = codebook_of(checkpoint, "text.codebook_VD").clone()
            transformer = TextTransformer(config.text)
            self.text = TextSide(config, transformer, codebook_VD, self.vocabulary)
            load_side(self.text, checkpoint, "text.")
        self._let_train()

    @property
    def grid(self) -> PatchGrid:
        """How the P patches lie over a picture, row by row."""
        return self.backbone.grid

    def pixels(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Return (B, 3, S, S) uint8 pixels of RGB pictures, resized to squares."""
        require_pictures(pictures)
        return torch.stack([self.backbone.transform(picture) for picture in pictures])

    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, V) vectors of pictures: unit rows of at most ``max_image_words`` words.

        Args:
            pixels_B3SS: 0 to 255, uint8 or floats; floats may have gradients.

        Raises:
            InputError: if the pixels have another shape.
        """
        weights_BV = self.image.word_weights(self.features(pixels_B3SS), self.config.activation)
        kept_BV = keep_strongest(weights_BV, self.config.max_image_words)
        return normalize(kept_BV, threshold=self.config.threshold)

    def patch_weights(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, P, V) weights of patches, not normalised.

        Their maximum over the patches, cut to the strongest words and normalised, is
        :meth:`forward`.
        """
        return self.image.patch_weights(self.features(pixels_B3SS), self.config.activation)

    def features(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, P, F) features of the frozen backbone; see :meth:`forward`."""
        size = self.config.image.image_size
        if pixels_B3SS.ndim != 4 or pixels_B3SS.shape[1:] != (3, size, size):
            raise InputError(
                f"Pixels have the shape {tuple(pixels_B3SS.shape)}; expected (B, 3, {size}, "
                f"{size}), as pixels() makes them of pictures."
            )
        image = self.config.image
        return self.backbone.features_of_inputs(standardised(pixels_B3SS, image.mean, image.std))

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Return (B, V) vectors of texts as documents: unit rows of ``max_words`` words.

        Raises:
            InputError: if the network was made without its text side.
        """
        if self.text is None:
            raise InputError("This network has no text side; make it with with_text=True.")
        own_BV = own_words(texts, self.vocabulary).to(self.text.codebook_VD.device)
        weights_BV = cast(Tensor, self.text(texts, own_BV))
        always_BV = own_BV if self.config.text.own_word_floor is not None else None
        kept_BV = keep_strongest(weights_BV, self.config.text.max_words, always_BV=always_BV)
        return normalize(kept_BV, threshold=self.config.threshold, always_NV=always_BV)

    def _let_train(self) -> None:
        """Give gradients to what the model trains; :func:`load_side` took them all away."""
        image, text = self.config.image, self.config.text
        self.image.requires_grad_(True)
        self.image.bias_V.requires_grad_(image.word_bias)
        if self.text is None:
            return
        self.text.requires_grad_(True)
        self.text.bias_V.requires_grad_(text.word_bias)
        self.text.own_weight_V.requires_grad_(text.own_word_weight is not None)
        for name, parameter in self.text.named_parameters():
            if name.startswith("transformer."):
                parameter.requires_grad_(".lora_" in name)
