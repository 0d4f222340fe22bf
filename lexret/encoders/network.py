"""The trainable network: both sides, one vocabulary, one codebook space.

Legend: B items, P patches, F backbone features, D codebook dimension, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.config import Activation, ImageConfig, ModelConfig, TextConfig
from lexret.encoders.activations import activate
from lexret.encoders.image.attention_adapter import Adapter
from lexret.encoders.image.class_evidence import ClassEvidence
from lexret.encoders.image.class_head import class_head
from lexret.encoders.image.context_adapter import ContextAdapter
from lexret.encoders.image.max_head import max_over_patches
from lexret.encoders.text.codebook import build_codebook
from lexret.encoders.text.mapper import TextMapper
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import InputError
from lexret.vocabulary import STOP_WORDS, Vocabulary

# Far below the reach of a logit that is ten times a cosine.
_SILENT_BIAS = -100.0
# Texts whose pooled vectors are kept: 400 MB at 384 dimensions.
_MOST_REMEMBERED = 1 << 18


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
        return _scaled(patches_BPD, self.config.cosine_scale)

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
            return _scaled(patches_BPD, self.config.cosine_scale), pictures_BD
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
        return _scaled(mapped_BD, self.config.text.cosine_scale)

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


def _mapper(config: TextConfig, hidden_size: int, codebook_dim: int) -> nn.Linear | TextMapper:
    if config.mapper_width or config.caption_terms:
        return TextMapper(config, hidden_size, codebook_dim)
    mapper = nn.Linear(hidden_size, codebook_dim)
    if hidden_size == codebook_dim:
        # Sentences and words then start in the same space.
        nn.init.eye_(mapper.weight)
        nn.init.zeros_(mapper.bias)
    return mapper


def _scaled(vectors: Tensor, cosine_scale: float | None) -> Tensor:
    """Give vectors (last dimension) the length ``cosine_scale``, or leave them as they are."""
    return vectors if cosine_scale is None else functional.normalize(vectors, dim=-1) * cosine_scale


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


def own_words(texts: Sequence[str], vocabulary: Vocabulary) -> Tensor:
    """Return (B, V) float32 with 1 where a text holds a word of the vocabulary, else 0."""
    own_BV = torch.zeros(len(texts), len(vocabulary))
    for row, text in enumerate(texts):
        term_ids, _ = vocabulary.match(text)
        own_BV[row, term_ids] = 1.0
    return own_BV
