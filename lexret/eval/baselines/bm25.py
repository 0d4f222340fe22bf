"""BM25 over captions, an upper reference: how well words find pictures if people wrote them.

A picture's document is its captions; where one of these is the query, it is all OTHERS, so that no
caption finds itself. Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), with k1 = 1.2, b = 0.75 and the idf log(1 + (N - n + 0.5) / (n + 0.5)).

Legend: I pictures, T captions, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from lexret.vocabulary import tokenize

_K1: Final = 1.2
_B: Final = 0.75

Floats = npt.NDArray[np.float64]


def bm25_scores(captions: Sequence[str], owners_T: npt.NDArray[np.int64]) -> Floats:
    """Return (I, T) scores of every picture's captions for every caption as the query."""
    num_texts, num_images = len(captions), int(owners_T.max()) + 1
    counts_TW = _counts(captions)
    ones = np.ones(num_texts)
    belongs_IT = csr_matrix((ones, (owners_T, np.arange(num_texts))), (num_images, num_texts))
    counts_IW = (belongs_IT @ counts_TW).tocsr()
    num_with_W = np.asarray((counts_IW > 0).sum(axis=0)).ravel()
    idf_W = np.log1p((num_images - num_with_W + 0.5) / (num_with_W + 0.5))
    mean_length = counts_IW.sum() / num_images
    queries_TW = (counts_TW > 0).astype(np.float64)
    scores_IT: Floats = np.asarray(
        (_weighted(counts_IW, idf_W, mean_length) @ queries_TW.T).todense(), dtype=np.float64
    )
    others_TW = counts_IW[owners_T] - counts_TW  # each caption's picture without the caption
    weighted_TW = _weighted(csr_matrix(others_TW), idf_W, mean_length)
    owner_scores_T = np.asarray(weighted_TW.multiply(queries_TW).sum(axis=1)).ravel()
    scores_IT[owners_T, np.arange(num_texts)] = owner_scores_T
    return scores_IT


def _counts(captions: Sequence[str]) -> csr_matrix:
    """Return (T, W) counts of the words in each caption."""
    place: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(captions):
        for word in tokenize(text):
            rows.append(row)
            columns.append(place.setdefault(word, len(place)))
    shape = (len(captions), max(1, len(place)))
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape)


def _weighted(counts: csr_matrix, idf_W: Floats, mean_length: float) -> csr_matrix:
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    norm = _K1 * (1 - _B + _B * lengths / max(mean_length, 1e-12))
    entries = counts.tocoo()
    saturated = entries.data * (_K1 + 1) / (entries.data + norm[entries.row])
    values = saturated * idf_W[entries.col]
    return csr_matrix((values, (entries.row, entries.col)), counts.shape)
