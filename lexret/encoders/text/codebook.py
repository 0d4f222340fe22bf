"""Codebooks: the first vectors of a vocabulary's words, in the space that both sides share.

Legend: V words, D codebook dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lexret.config import CodebookConfig
from lexret.encoders.pretrained import LLAMA2_CODEBOOK, LLAMA2_TOKENIZER, verified_path
from lexret.encoders.text.token_matrix import word_rows
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary


def build_codebook(
    config: CodebookConfig, vocabulary: Vocabulary, transformer: TextTransformer, *, seed: int = 0
) -> Tensor:
    """Return (V, D) float32 vectors of unit length, one a word.

    Sources are normalised, centred (if the config says so) and put side by side; where the result
    is wider than ``config.dim`` it is projected onto its leading principal axes.

    Args:
        transformer: the text backbone, for the sources ``sentence`` (its pooled output for the
            word alone) and ``text_backbone`` (the rows of its tokens in ``config.matrix``).

    A word whose token the vocabulary names has that token's row, in the sources ``llama2`` and
    ``text_backbone``; of any other the tokens' rows are averaged.

    The source ``text_side`` gives zeros: only an initialised text side can encode the words.

    Raises:
        InputError: if the sources have fewer dimensions than the configuration asks for.
    """
    if config.sources == ("text_side",):
        # lexret.training.initialise.network fills it
        return torch.zeros(len(vocabulary), config.dim)
    makers: dict[str, Callable[[], Tensor]] = {
        "llama2": lambda: _llama2(vocabulary),
        "sentence": lambda: _sentence(vocabulary, transformer),
        "text_backbone": lambda: transformer.word_vectors(vocabulary, config.matrix),
        "random": lambda: torch.randn(
            len(vocabulary), config.dim, generator=torch.Generator().manual_seed(seed)
        ),
    }
    parts = []
    for source in config.sources:
        part_VS = functional.normalize(makers[source]().float(), dim=-1)
        if config.center:
            part_VS = part_VS - part_VS.mean(0)
        parts.append(functional.normalize(part_VS, dim=-1))
    vectors_VD = torch.cat(parts, dim=1)
    width = vectors_VD.shape[1]
    if width < config.dim:
        raise InputError(
            f"The codebook's sources {config.sources} have {width} dimensions, fewer than the "
            f"{config.dim} that codebook.dim asks for."
        )
    if width > config.dim:
        vectors_VD = vectors_VD @ _principal_axes(vectors_VD, config.dim)
    return functional.normalize(vectors_VD, dim=-1)


def _principal_axes(vectors_VS: Tensor, dim: int) -> Tensor:
    """Return (S, dim), the eigenvectors of the second moment with the largest eigenvalues."""
    _, axes_SS = torch.linalg.eigh(vectors_VS.t() @ vectors_VS)
    axes_SD: Tensor = axes_SS.flip(1)[:, :dim]
    # An eigenvector's sign is free: fix it, so that the codebook is the same everywhere.
    signs = axes_SD.gather(0, axes_SD.abs().argmax(0, keepdim=True)).sign()
    return axes_SD * signs


def _llama2(vocabulary: Vocabulary) -> Tensor:
    """Average the Llama 2 token vectors of each word, as it stands inside a sentence."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(verified_path(LLAMA2_TOKENIZER)))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    table = next(iter(load_file(verified_path(LLAMA2_CODEBOOK)).values())).astype(np.float32)
    return word_rows(
        vocabulary,
        torch.from_numpy(table),
        _Pieces(tokenizer),
        lambda word: tokenizer.encode(word, add_special_tokens=False).ids,
    )


class _Pieces:
    """Tokenizer of the package tokenizers, with the method of transformers' that names a piece."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def convert_ids_to_tokens(self, token_id: int) -> str | None:
        """Return the piece of an id, or None."""
        piece: str | None = self._tokenizer.id_to_token(token_id)
        return piece


def _sentence(vocabulary: Vocabulary, transformer: TextTransformer) -> Tensor:
    words = list(vocabulary)
    with torch.inference_mode():
        parts = [transformer(words[i : i + 256]) for i in range(0, len(words), 256)]
    return torch.cat(parts)
