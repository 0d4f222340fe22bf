"""Entries of the cells' codebook: Llama 2's vocabulary, those tokens that begin a word.

A grid of such tokens is a text that a language model can read, and splitting the text gives the
grid back; tokens that continue a word would join the one before. Their vectors come with the
package ``wordllama``.

Legend: E entries, H dimensions of their vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.encoders.pretrained import LLAMA2_CODEBOOK, LLAMA2_TOKENIZER, verified_path
from lexret.sparse import FloatArray

_WORD_START: Final = "▁"  # SentencePiece's mark of a space


@dataclass(frozen=True, eq=False)
class VocabularyEntries:
    """Entries that a cell may be.

    Attributes:
        token_ids: (E,) int32, rising: ids of Llama 2's vocabulary.
        pieces: their texts, without the mark of a word's beginning.
        vectors_EH: (E, H) float32, of unit length about their mean.
    """

    token_ids: npt.NDArray[np.int32]
    pieces: tuple[str, ...]
    vectors_EH: FloatArray


@cache
def llama_entries() -> VocabularyEntries:
    """Return Llama 2's tokens that begin a word, with their vectors; do not change them.

    Raises:
        MissingPackageError: if the package ``wordllama`` is not installed.
        CorruptError: if its files are not the expected ones.
    """
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    table = next(iter(load_file(verified_path(LLAMA2_CODEBOOK)).values())).astype(np.float32)
    tokenizer = Tokenizer.from_file(str(verified_path(LLAMA2_TOKENIZER)))
    found = sorted(
        (token_id, piece.removeprefix(_WORD_START))
        for piece, token_id in tokenizer.get_vocab().items()
        if begins_word(piece) and token_id < len(table)
    )
    token_ids = np.array([token_id for token_id, _ in found], np.int32)
    vectors_EH = _unit(table[token_ids])
    vectors_EH = _unit(vectors_EH - vectors_EH.mean(0))
    return VocabularyEntries(token_ids, tuple(piece for _, piece in found), vectors_EH)


def begins_word(piece: str) -> bool:
    """Tell whether a token's piece begins a word and says more than a space."""
    return piece.startswith(_WORD_START) and bool(piece.strip(_WORD_START))


def principal_axes(vectors_EH: FloatArray, dim: int) -> FloatArray:
    """Return (H, dim) leading principal axes, each divided by the vectors' spread along it.

    Along them the entries fill the space evenly, so that all of them can be reached.
    """
    _, axes_HH = np.linalg.eigh((vectors_EH.T @ vectors_EH).astype(np.float64))
    axes_HD = axes_HH[:, ::-1][:, :dim]
    places = np.abs(axes_HD).argmax(0)
    axes_HD = axes_HD * np.sign(axes_HD[places, np.arange(axes_HD.shape[1])])
    spread_D = np.maximum((vectors_EH @ axes_HD).std(0), 1e-6)
    scaled: FloatArray = (axes_HD / spread_D).astype(np.float32)
    return scaled


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
