"""Image side of the network: patch features of a frozen backbone in, logits of words out.

Legend: B items, P patches, F backbone features, D codebook dimension, V words, W chosen words.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lexret.config import Activation, ImageConfig
from lexret.encoders.activations import activate
from lexret.encoders.cosine_scale import scaled
from lexret.encoders.image.attention_adapter import Adapter
from lexret.encoders.image.class_evidence import ClassEvidence
from lexret.encoders.image.class_head import class_head
from lexret.encoders.image.context_adapter import ContextAdapter
from lexret.encoders.image.max_head import max_over_patches
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary

# Far below the reach of a logit that is ten times a cosine.
_SILENT_BIAS = -100.0


class ImageSide(nn.Module):
    """Image side of the network: adapter, trained visual codebook, max over patches."""

    base_rate_V: Tensor

    def __init__(self, config: ImageConfig, codebook_VD: Tensor) -> None:
        super().__init__()
        self.adapter: Adapter | ContextAdapter = (
            ContextAdapter(config, codebook_VD.shape[1])
            if config.adapter == "context"
            else Adapter(config, codebook_VD.shape[1])
        )
        self.config = config
        self.codebook_VD = nn.Parameter(codebook_VD.clone())
        self.bias_V = nn.Parameter(
            torch.full((len(codebook_VD),), config.bias_start, device=codebook_VD.device),
            requires_grad=config.word_bias,
        )
        self.evidence = _class_evidence(config)
        # The weight that each word has in most pictures; 0 until it is measured.
        self.register_buffer("base_rate_V", torch.zeros(len(codebook_VD)))

    def forward(self, features_BPF: Tensor, *, precision: torch.dtype = torch.float32) -> Tensor:
        """Return (B, V) logits, each word's largest over the patches."""
        return self.word_logits(self.patch_vectors(features_BPF), precision=precision)

    def patch_vectors(self, features_BPF: Tensor) -> Tensor:
        """Return (B, P, D) patches in the codebook's space."""
        patches_BPD: Tensor = self.adapter(features_BPF)
        return scaled(patches_BPD, self.config.cosine_scale)

    def with_picture_vectors(
        self, features_BPF: Tensor, *, num_patches: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return :meth:`patch_vectors`, and (B, D) vectors of the whole pictures.

        The context adapter maps the pictures' mean features; else it is the mean of the patches.

        Args:
            num_patches: return so many patches, drawn at random; None: all.
        """
        if isinstance(self.adapter, ContextAdapter):
            patches_BPD, pictures_BD = self.adapter.with_picture(features_BPF, num_patches)
            return scaled(patches_BPD, self.config.cosine_scale), pictures_BD
        patches_BPD = self.patch_vectors(features_BPF)
        pictures_BD = patches_BPD.mean(1)
        if num_patches is not None and num_patches < patches_BPD.shape[1]:
            patches_BPD = patches_BPD[:, torch.randperm(patches_BPD.shape[1])[:num_patches]]
        return patches_BPD, pictures_BD

    def word_logits(self, patches_BPD: Tensor, *, precision: torch.dtype = torch.float32) -> Tensor:
        """Return (B, V) logits of patches that :meth:`patch_vectors` gave."""
        return max_over_patches(patches_BPD, self.codebook_VD, precision=precision) + self.bias_V

    def word_weights(
        self,
        features_BPF: Tensor,
        activation: Activation,
        *,
        precision: torch.dtype = torch.float32,
    ) -> Tensor:
        """Return (B, V) the pictures' activations with class evidence, not normalised.

        The word's base rate is subtracted from each: the weight that a word has in most pictures
        says nothing about this one.
        """
        patches_BPD = self.patch_vectors(features_BPF)
        weights_BV = activate(self.word_logits(patches_BPD, precision=precision), activation)
        if self.evidence is not None:
            columns_W = self.evidence.columns()
            of_patches_BPW = activate(self._logits(patches_BPD, columns_W), activation)
            seen_BPW = self.evidence(features_BPF, of_patches_BPW, columns_W)
            weights_BV[:, columns_W] = seen_BPW.amax(1).to(weights_BV.dtype)
        return (weights_BV - self.base_rate_V).clamp_min_(0.0)

    def patch_weights(self, features_BPF: Tensor, activation: Activation) -> Tensor:
        """Return (B, P, V) activations of every patch; their maximum is :meth:`word_weights`."""
        patches_BPD = self.patch_vectors(features_BPF)
        weights_BPV = activate(self._logits(patches_BPD, slice(None)), activation)
        if self.evidence is not None:
            columns_W = self.evidence.columns()
            weights_BPV[..., columns_W] = self.evidence(
                features_BPF, weights_BPV[..., columns_W], columns_W
            )
        return weights_BPV.sub_(self.base_rate_V).clamp_min_(0.0)

    def _logits(self, patches_BPD: Tensor, columns_W: Tensor | slice) -> Tensor:
        """Return (B, P, W) logits of some words; a slice takes them without a copy."""
        return patches_BPD @ self.codebook_VD[columns_W].t() + self.bias_V[columns_W]


def _class_evidence(config: ImageConfig) -> ClassEvidence | None:
    if not config.class_evidence:
        return None
    head = class_head(config)
    if head is None:
        raise InputError(
            "model.image.class_evidence needs a backbone whose classifier lexret knows; it does "
            f"not know that of the weights {config.weights!r}. Set it to 0."
        )
    return ClassEvidence(head, config.class_evidence)


def silence(image: ImageSide, vocabulary: Vocabulary) -> None:
    """Give the configured silent words a bias below any logit; training hardly moves it.

    Raises:
        InputError: if a silent word is not in the vocabulary.
    """
    for word in image.config.silent_words:
        term_id = vocabulary.term_id(word)
        if term_id is None:
            raise InputError(f"The silent word {word!r} is not in the vocabulary.")
        with torch.no_grad():
            image.bias_V[term_id] = _SILENT_BIAS
