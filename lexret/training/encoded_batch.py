"""Encoded batches: both sides' vectors of a whole batch, which the losses of a step are made of.

Big batches need two things between encoding and losses. The shares of several processes are
gathered; and with ``train.micro_batch`` a share is encoded in parts, so that its activations
need not fit into memory at once (GradCache: Gao et al., Scaling Deep Contrastive Learning Batch
Size under Memory Limited Setup, RepL4NLP 2021, section 3.2): the parts are encoded without a
graph, the losses give the vectors' gradients, and each part is encoded again, with the same
dropout, to carry them on into the parameters.

Legend: B pictures, T texts (B times captions per picture), D codebook dimension, V words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from lexret.encoders.network import LexicalNetwork
from lexret.training.distributed import Processes
from lexret.training.reading.batches import Batch


@dataclass(frozen=True)
class EncodedBatch:
    """Batch, or a part of one, as both sides encode it.

    Attributes:
        pictures_BD: the whole pictures in the codebook's space.
        vectors_TD: the texts in the codebook's space.
        logits_BV: the pictures' word logits; None in steps without the vocabulary.
        own_TV: bool, where a text holds a word; None in steps without the vocabulary.
        owners_T: which picture each text is of.
        shares_BV: in which share of its captions a word stands, or None if not asked for.
        readable_B: bool, False where a picture could not be read.
    """

    pictures_BD: Tensor
    vectors_TD: Tensor
    logits_BV: Tensor | None
    own_TV: Tensor | None
    owners_T: Tensor
    shares_BV: Tensor | None
    readable_B: Tensor

    def vectors(self) -> list[Tensor]:
        """Return what carries gradients."""
        tensors = (self.pictures_BD, self.vectors_TD, self.logits_BV)
        return [tensor for tensor in tensors if tensor is not None]

    def mapped(self, change: Callable[[Tensor], Tensor]) -> EncodedBatch:
        """Return the same with every tensor changed."""
        changed: dict[str, Any] = {}
        for field in fields(self):
            rows = getattr(self, field.name)
            changed[field.name] = None if rows is None else change(rows)
        return EncodedBatch(**changed)

    def of_readable(self) -> EncodedBatch:
        """Return the same without the pictures that could not be read, and without their texts."""
        if bool(self.readable_B.all()):
            return self
        num_texts = len(self.owners_T) // len(self.readable_B)
        kept_B, kept_T = self.readable_B, self.readable_B.repeat_interleave(num_texts)
        return self.mapped(lambda rows: rows[kept_B if len(rows) == len(kept_B) else kept_T])


@dataclass(frozen=True)
class EncodingSettings:
    """Settings of a step's encoding.

    Attributes:
        precision: of the matrix products.
        words: whether the vocabulary is needed.
        micro_batch: pictures encoded at once with their texts; None: the whole share.
        head_patches: patches of a picture that are put to the words; None: all.
    """

    precision: torch.dtype
    words: bool
    micro_batch: int | None
    head_patches: int | None = None


def encode(
    network: LexicalNetwork, batch: Batch, settings: EncodingSettings, processes: Processes
) -> tuple[EncodedBatch, Callable[[], None]]:
    """Encode this process's share of a batch and gather all shares.

    Returns:
        the whole batch, and what to call after the losses' backward pass.
    """
    parts = _parts(batch, settings.micro_batch)
    if len(parts) == 1:
        share, finish = _encode(network, batch, settings), _nothing
    else:
        share, finish = _encode_parts(network, parts, settings)
    return share.mapped(processes.gather).of_readable(), finish


def _nothing() -> None:
    """Do nothing: the losses' backward pass went all the way."""


def _encode(network: LexicalNetwork, batch: Batch, settings: EncodingSettings) -> EncodedBatch:
    low = settings.precision != torch.float32
    with torch.autocast(batch.features_BPF.device.type, dtype=settings.precision, enabled=low):
        patches_BPD, pictures_BD = network.image.with_picture_vectors(
            batch.features_BPF, num_patches=settings.head_patches if settings.words else None
        )
        own_TV = network.own_words(batch.texts)
        vectors_TD = network.text.vectors(batch.texts, own_TV).float()
    words = settings.words
    return EncodedBatch(
        pictures_BD=pictures_BD.float(),
        vectors_TD=vectors_TD,
        logits_BV=network.image.word_logits(patches_BPD.float(), precision=settings.precision)
        if words
        else None,
        own_TV=own_TV > 0 if words else None,
        owners_T=batch.owners_T,
        shares_BV=batch.shares_BV,
        readable_B=batch.readable_B,
    )


def _encode_parts(
    network: LexicalNetwork, parts: Sequence[Batch], settings: EncodingSettings
) -> tuple[EncodedBatch, Callable[[], None]]:
    states, encoded = [], []
    with torch.no_grad():
        for part in parts:
            states.append(_random_state(part))
            encoded.append(_encode(network, part, settings))
    share = _joined(encoded)
    for vectors in share.vectors():
        vectors.requires_grad_()

    def finish() -> None:
        after = _random_state(parts[0])
        grads = [tensor.grad for tensor in share.vectors()]
        sizes = [[len(tensor) for tensor in part.vectors()] for part in encoded]
        pieces = [
            grad.split(list(lengths)) if grad is not None else [None] * len(parts)
            for grad, lengths in zip(grads, zip(*sizes, strict=True), strict=True)
        ]
        for i, part in enumerate(parts):
            _set_random_state(part, states[i])
            again = _encode(network, part, settings).vectors()
            given = [(v, piece[i]) for v, piece in zip(again, pieces, strict=True)]
            wanted = [(v, grad) for v, grad in given if grad is not None and v.requires_grad]
            torch.autograd.backward([v for v, _ in wanted], [grad for _, grad in wanted])
        _set_random_state(parts[0], after)

    return share, finish


def _parts(batch: Batch, size: int | None) -> list[Batch]:
    """Cut a batch into parts of at most ``size`` pictures with their texts."""
    num_pictures = len(batch.features_BPF)
    if size is None or size >= num_pictures:
        return [batch]
    num_texts = len(batch.texts) // num_pictures
    parts = []
    for start in range(0, num_pictures, size):
        rows, texts = (slice(start * n, (start + size) * n) for n in (1, num_texts))
        parts.append(
            replace(
                batch,
                features_BPF=batch.features_BPF[rows],
                texts=batch.texts[texts],
                owners_T=batch.owners_T[texts],
                shares_BV=None if batch.shares_BV is None else batch.shares_BV[rows],
                readable_B=batch.readable_B[rows],
            )
        )
    return parts


def _joined(parts: Sequence[EncodedBatch]) -> EncodedBatch:
    first = parts[0]
    joined: dict[str, Any] = {}
    for field in fields(first):
        pieces = [getattr(part, field.name) for part in parts]
        joined[field.name] = None if pieces[0] is None else torch.cat(pieces)
    return EncodedBatch(**joined)


def _random_state(batch: Batch) -> list[Tensor]:
    """Return the states that dropout draws from: the processor's, and the GPU's if there is one."""
    device = batch.features_BPF.device
    on_gpu = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *on_gpu]


def _set_random_state(batch: Batch, state: Sequence[Tensor]) -> None:
    torch.set_rng_state(state[0])
    if len(state) > 1:
        torch.cuda.set_rng_state(state[1], batch.features_BPF.device)
