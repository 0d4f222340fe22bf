"""The vocabulary head without torch: only words that may be kept are scored exactly.

A word's weight is the activation of its largest logit over the patches, less its base rate; of a
picture's words only the strongest are kept. With 81 patches and 20,898 words, the plain product is
as much work as the backbone. Here patches and words are first rounded to 8 and 7 bits and
multiplied as integers, which takes a sixth of the time. With p a patch, c a word, p' and c' what
they were rounded to,

    |p.c - p'.c'| <= |p - p'| |c'| + |p| |c - c'|

(Cauchy and Schwarz), so that the largest logit of every word is known up to this bound. A word
whose weight is at most 0 at the upper end, or less at the upper end than the K-th largest is at
the lower end, is none of the K strongest. What remains, a few hundred words, is scored in single
precision: the result is that of the plain product.

Words have 7 bits, as processors without VNNI add pairs of products of 8 times 8 bits in 16 bits,
which overflows.

Legend: P patches, D codebook dimension, V words of the vocabulary, W words that may be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.config import Activation, ModelConfig
from lexret.encoders.portable.evidence import EvidenceTable, WordIds
from lexret.encoders.portable.graph import Graph
from lexret.encoders.portable.sessions import Session
from lexret.errors import InputError
from lexret.sparse import FloatArray

_PATCH_STEPS: Final = 127
_WORD_STEPS: Final = 63
_ZERO: Final = 128
# Rounding of sums in single precision, relative to |p| |c|.
_ROUNDING: Final = 1e-5
# With more words than this share of all, gathering them costs more than the plain product.
_MANY: Final = 0.2


@dataclass(frozen=True)
class HeadWeights:
    """Weights of the head.

    Attributes:
        codebook_VD: the words' vectors.
        bias_V: is added to the logits.
        base_rate_V: the weight that each word has in most pictures.
        evidence: None for a model without class evidence.
    """

    codebook_VD: FloatArray
    bias_V: FloatArray
    base_rate_V: FloatArray
    evidence: EvidenceTable | None


class WordScores:
    """Scorer of the words of pictures whose patches lie in the codebook's space.

    Threads may share it.
    """

    def __init__(self, weights: HeadWeights, config: ModelConfig) -> None:
        self._weights = weights
        self._activation: Activation = config.activation
        self._most_kept = config.max_image_words
        codebook_VD = weights.codebook_VD
        largest_V = np.maximum(np.abs(codebook_VD).max(1), np.float32(1e-30))
        self._step_V = (largest_V / _WORD_STEPS).astype(np.float32)
        rounded_VD = np.rint(codebook_VD / self._step_V[:, None])
        kept_VD = rounded_VD * self._step_V[:, None]
        self._length_V = _lengths(codebook_VD)
        self._rounded_length_V = _lengths(kept_VD)
        self._error_V = _lengths(codebook_VD - kept_VD)
        self._integers = Session(_integer_product(rounded_VD.astype(np.int8).T))
        self._products = Session(_product(codebook_VD.shape[1]))
        evidence = weights.evidence
        # Words that say nothing without evidence are never candidates by their logits.
        self._is_silent_V = np.zeros(len(codebook_VD), np.bool_)
        if evidence is not None:
            self._is_silent_V[evidence.rare_words] = True

    def strongest(
        self, patches_PD: FloatArray, class_logits_PC: FloatArray | None
    ) -> tuple[WordIds, FloatArray]:
        """Return (K,) the strongest words of a picture, rising, and their weights, all above 0.

        Args:
            class_logits_PC: of the backbone's classifier; None for a model without class evidence.
        """
        _check_finite(patches_PD)
        shares_PC, firing = self._fired(class_logits_PC)
        words = self._candidates(patches_PD, firing)
        weights_W = self._scored(patches_PD, words, shares_PC, firing).max(0)
        kept = self.kept(weights_W)
        return words[kept], weights_W[kept]

    def kept(self, weights_W: FloatArray) -> WordIds:
        """Return the places of the strongest words that a picture keeps, rising."""
        places = np.flatnonzero(weights_W > 0)
        if len(places) <= self._most_kept:
            return places
        strongest = np.argsort(-weights_W[places], kind="stable")[: self._most_kept]
        return places[np.sort(strongest)]

    def of_patches(self, patches_PD: FloatArray, class_logits_PC: FloatArray | None) -> FloatArray:
        """Return (P, V) the weight of every word at every patch; their maxima are the picture's."""
        _check_finite(patches_PD)
        shares_PC, firing = self._fired(class_logits_PC)
        words = np.arange(len(self._weights.bias_V))
        return self._scored(patches_PD, words, shares_PC, firing)

    def _fired(self, class_logits_PC: FloatArray | None) -> tuple[FloatArray | None, WordIds]:
        evidence = self._weights.evidence
        if evidence is None or class_logits_PC is None:
            return None, np.empty(0, np.int64)
        shares_PC = evidence.shares(class_logits_PC)
        return shares_PC, evidence.firing(shares_PC, len(self._weights.bias_V))

    def _candidates(self, patches_PD: FloatArray, firing: WordIds) -> WordIds:
        """Return the words that may be among the strongest, rising."""
        logits_V, error_V = self._rounded_logits(patches_PD)
        base_V = self._weights.base_rate_V
        most_V = activated(logits_V + error_V, self._activation) - base_V
        most_V[self._is_silent_V] = 0.0
        may_be_kept_V = most_V > 0
        if int(may_be_kept_V.sum()) > self._most_kept:
            words = np.flatnonzero(may_be_kept_V)
            least = activated((logits_V - error_V)[words], self._activation) - base_V[words]
            # Evidence may lift words above others, never take a word of these down.
            bar = np.partition(least, -self._most_kept)[-self._most_kept]
            may_be_kept_V &= most_V >= bar
        may_be_kept_V[firing] = True
        return np.flatnonzero(may_be_kept_V)

    def _rounded_logits(self, patches_PD: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (V,) the largest logits, rounded, and (V,) how far off they are at most."""
        step = np.float32(max(float(np.abs(patches_PD).max()), 1e-30) / _PATCH_STEPS)
        rounded_PD = np.rint(patches_PD / step)
        error = float(_lengths(patches_PD - rounded_PD * step).max())
        length = float(_lengths(patches_PD).max())
        (products_PV,) = self._integers.run(patches=(rounded_PD + _ZERO).astype(np.uint8))
        logits_V = products_PV.max(0) * (step * self._step_V) + self._weights.bias_V
        error_V = error * self._rounded_length_V + length * (
            self._error_V + _ROUNDING * self._length_V
        )
        return logits_V.astype(np.float32), error_V.astype(np.float32)

    def _scored(
        self,
        patches_PD: FloatArray,
        words: WordIds,
        shares_PC: FloatArray | None,
        firing: WordIds,
    ) -> FloatArray:
        """Return (P, W) exact weights of some words, rising."""
        every, evidence = self._weights, self._weights.evidence
        whole = len(words) > _MANY * len(every.bias_V)
        codebook = every.codebook_VD if whole else every.codebook_VD[words]
        (logits_PW,) = self._products.run(patches=patches_PD, words=codebook)
        if whole and len(words) < len(every.bias_V):
            logits_PW = logits_PW[:, words]
        weights_PW = activated(logits_PW + every.bias_V[words], self._activation)
        if evidence is not None and shares_PC is not None:
            silent_W = self._is_silent_V[words]
            places = np.searchsorted(words, firing)
            if len(firing):
                silent_W[places] = False
                weights_PW[:, places] = evidence.weigh(shares_PC, weights_PW[:, places], firing)
            weights_PW[:, silent_W] = 0.0
        weights_PW -= every.base_rate_V[words]
        weights: FloatArray = np.maximum(weights_PW, 0, out=weights_PW)
        return weights


def activated(logits: FloatArray, activation: Activation) -> FloatArray:
    """Return the weights of logits; see :func:`lexret.encoders.activations.activate`."""
    if activation == "elu1p":
        return np.where(logits > 0, logits + 1, np.exp(np.minimum(logits, 0)))
    weights: FloatArray = np.maximum(logits, 0)
    if activation == "log1p_relu":
        np.log1p(weights, out=weights)
    return weights


def _check_finite(patches_PD: FloatArray) -> None:
    if not np.isfinite(patches_PD).all():
        raise InputError("A patch is NaN or infinite; the model's output cannot be used.")


def _lengths(rows: FloatArray) -> FloatArray:
    lengths: FloatArray = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return lengths


def _integer_product(words_DV: npt.NDArray[np.int8]) -> bytes:
    graph = Graph()
    patches = graph.input("patches", "uint8", ["patches", len(words_DV)])
    zero = graph.constant(np.array(_ZERO, np.uint8))
    products = graph.op("MatMulInteger", patches, graph.constant(words_DV), zero)
    graph.output("products", products, "int32", ["rows", words_DV.shape[1]])
    return graph.model()


def _product(dimension: int) -> bytes:
    """Return a graph of a plain product; unlike numpy's it uses one thread, the caller's."""
    graph = Graph()
    patches = graph.input("patches", "float32", ["patches", dimension])
    words = graph.input("words", "float32", ["words", dimension])
    products = graph.op("Gemm", patches, words, transB=1)
    graph.output("products", products, "float32", ["rows", "columns"])
    return graph.model()
