"""Statistics of the words that training captions use: terms, and rarity.

Legend: N captions, V words, R terms, L latent dimensions.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from lexret.encoders.text.caption_terms import CaptionTerms

# Fewest captions that hold a term: the use of rarer words cannot be learnt.
_LEAST_CAPTIONS = 3


def fit_terms(terms: CaptionTerms, words_NV: sparse.csr_array) -> None:
    """Set a fresh module's terms to the most frequent words and their latent semantic vectors.

    The right singular vectors of the captions' TF-IDF matrix (idf = ln((1+N)/(1+n)) + 1 for a word
    of n captions, rows of unit length). Where the captions have fewer terms than the module, its
    other rows stay 0; so do dimensions beyond their rank.
    """
    counts_V = np.asarray(words_NV.sum(0)).ravel()
    frequent = np.argsort(-counts_V, kind="stable")[: len(terms.term_ids_R)]
    frequent = np.sort(frequent[counts_V[frequent] >= _LEAST_CAPTIONS])
    if not len(frequent):
        return
    idf_R = np.log((1 + words_NV.shape[0]) / (1 + counts_V[frequent])) + 1
    tfidf_NR = words_NV[:, frequent].multiply(idf_R).tocsr()
    lengths_N = np.sqrt(tfidf_NR.multiply(tfidf_NR).sum(1)).clip(1e-12)
    tfidf_NR = sparse.diags_array(1 / lengths_N) @ tfidf_NR
    gram_RR = (tfidf_NR.T @ tfidf_NR).toarray()
    _, axes_RR = np.linalg.eigh(gram_RR)
    axes_RL = axes_RR[:, ::-1][:, : terms.vectors_RL.shape[1]]
    # An eigenvector's sign is free: fix it, so that the vectors are the same everywhere.
    axes_RL = axes_RL * np.sign(axes_RL[np.abs(axes_RL).argmax(0), np.arange(axes_RL.shape[1])])
    rows = slice(0, len(frequent))
    terms.term_ids_R[rows] = torch.from_numpy(frequent)
    terms.idf_R[rows] = torch.from_numpy(idf_R).to(terms.idf_R)
    terms.vectors_RL[rows, : axes_RL.shape[1]] = torch.from_numpy(axes_RL.copy()).to(terms.idf_R)


def rarity(words_NV: sparse.csr_array) -> Tensor:
    """Return (V,) 1 / (1 + n/5) for a word that n captions hold: 1 for one that none holds."""
    counts_V = torch.from_numpy(np.asarray(words_NV.sum(0)).ravel())
    return (1.0 / (1.0 + counts_V / 5.0)).float()
