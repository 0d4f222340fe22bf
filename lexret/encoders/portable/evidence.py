"""Class evidence without torch, only where a class fires.

The formula is in :mod:`lexret.encoders.image.class_evidence`. Of a picture, most classes have next
to no share at any patch, and the words of a class without a share get nothing: only those words are
computed that can get more than the least evidence.

Legend: P patches, C classes, N entries of the table, W words that may get evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.encoders.image.evidence_numbers import (
    CONTEXT,
    ENOUGH,
    LEAST,
    MARGIN,
    SURE,
    WORDS_A_CLASS,
)
from lexret.sparse import FloatArray

# Sums in single precision, in another order.
_SLACK: Final = np.float32(1e-5)

WordIds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EvidenceTable:
    """Table of which words stand for each class.

    Args:
        words_N: term id of each entry, entries without a weight left out.
        classes_N: its class.
        weights_N: from 0 to 1.
        rare_N: whether captions hardly use the word.
        share: the weight of the evidence.
    """

    words_N: WordIds
    classes_N: WordIds
    weights_N: FloatArray
    rare_N: npt.NDArray[np.bool_]
    share: float

    @classmethod
    def of_tensors(
        cls, words_N: FloatArray, table_N: FloatArray, rare_N: FloatArray, *, share: float
    ) -> EvidenceTable:
        """Take the table from a model's tensors, which hold ``WORDS_A_CLASS`` entries a class."""
        entries = np.flatnonzero(table_N > 0)
        return cls(
            words_N[entries].astype(np.int64),
            entries // WORDS_A_CLASS,
            table_N[entries].astype(np.float32),
            rare_N[entries] > 0,
            share,
        )

    @property
    def rare_words(self) -> WordIds:
        """Term ids of the words that say nothing without evidence."""
        return np.unique(self.words_N[self.rare_N])

    def shares(self, logits_PC: FloatArray) -> FloatArray:
        """Return (P, C) the classes' softmax, a part of the picture's mean added to each patch."""
        shares: FloatArray = logits_PC + np.float32(CONTEXT) * logits_PC.mean(0)
        shares -= shares.max(1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(1, keepdims=True)
        return shares

    def firing(self, shares_PC: FloatArray, num_words: int) -> WordIds:
        """Return the words that may have evidence at some patch, rising; no other word has any."""
        most_N = shares_PC.max(0)[self.classes_N] * self.weights_N
        most_V = np.bincount(self.words_N, weights=most_N, minlength=num_words)
        return np.flatnonzero(most_V > LEAST - _SLACK)

    def weigh(self, shares_PC: FloatArray, weights_PW: FloatArray, words_W: WordIds) -> FloatArray:
        """Return (P, W) the weights of some words of the table, rising, with their evidence."""
        evidence_PW, rare_W = self._evidence(shares_PC, words_W)
        held_PW = np.where(rare_W, np.minimum(evidence_PW / ENOUGH, np.float32(1)), np.float32(1))
        sure_PW = np.clip(evidence_PW, SURE, 1 - SURE)
        logits_PW = np.log(sure_PW / (1 - sure_PW)) + MARGIN
        seen_PW = np.float32(self.share) * np.log1p(np.maximum(logits_PW, 0))
        result: FloatArray = weights_PW * held_PW + seen_PW
        return result

    def _evidence(
        self, shares_PC: FloatArray, words_W: WordIds
    ) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        # A table from word to place, as large as the largest word: faster than to search.
        place_V = np.full(max(int(self.words_N.max()), int(words_W[-1])) + 1, -1)
        place_V[words_W] = np.arange(len(words_W))
        entries = np.flatnonzero(place_V[self.words_N] >= 0)
        places, rare_W = place_V[self.words_N[entries]], np.zeros(len(words_W), np.bool_)
        rare_W[places] = self.rare_N[entries]
        # Entries lie class by class, so that equal classes are neighbours.
        of_entries = self.classes_N[entries]
        is_new = np.append(True, of_entries[1:] != of_entries[:-1])
        classes, rows = of_entries[is_new], np.cumsum(is_new) - 1
        table_CW = np.zeros((len(classes), len(words_W)), np.float32)
        table_CW[rows, places] = self.weights_N[entries]
        evidence_PW = np.minimum(shares_PC[:, classes] @ table_CW, np.float32(1))
        return np.maximum((evidence_PW - LEAST) / (1 - LEAST), np.float32(0)), rare_W
