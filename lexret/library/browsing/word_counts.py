"""Counts of the pictures of an index that hold each word.

A picture holds a word where the word's weight reaches its level; see
:mod:`lexret.explain.sureness`. Corrections count; muted words are held by no picture.

Shapes: V words, T words looked at together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.segments.segment import Segment
from lexret.engine.vectors import read_documents
from lexret.sparse import FloatArray

Counts = npt.NDArray[np.int64]

_WORDS_AT_ONCE: Final = 1024


def count_held(index: EmbeddedIndex, levels_V: FloatArray | None) -> Counts:
    """Return (V,) how many pictures hold each word.

    Args:
        levels_V: the words' levels; None: every weight holds its word.
    """
    num_words = index.manifest.num_words
    least_V = np.zeros(num_words, np.float32) if levels_V is None else levels_V
    counts_V = np.zeros(num_words, np.int64)
    if index.manifest.backend is None:
        for segment in index.segments:
            for start in range(0, num_words, _WORDS_AT_ONCE):
                terms_T = np.arange(start, min(start + _WORDS_AT_ONCE, num_words), dtype=np.int32)
                counts_V[terms_T] += _held_in(segment, terms_T, least_V)
    else:  # there are no postings here: picture by picture
        for chunk in read_documents(index):
            terms = chunk.vectors.term_ids
            held = terms[chunk.vectors.weights >= least_V[terms]]
            counts_V += np.bincount(held, minlength=num_words)
    _correct(counts_V, index, least_V)
    return counts_V


def _held_in(segment: Segment, terms_T: npt.NDArray[np.int32], least_V: FloatArray) -> Counts:
    docs, weights, number_T = segment.posting_lists.together(terms_T)
    words = np.repeat(np.arange(len(terms_T)), number_T)
    held = (weights > 0) & (weights >= least_V[terms_T][words])
    if segment.deleted is not None:
        held &= ~segment.deleted[docs]
    return np.bincount(words[held], minlength=len(terms_T))


def _correct(counts_V: Counts, index: EmbeddedIndex, least_V: FloatArray) -> None:
    """Count what people added to pictures or took away from them."""
    stored = index.uncorrected() if index.corrections else index
    for doc_id, correction in index.corrections.documents.items():
        if doc_id not in index:
            continue
        named = map(index.vocabulary.term_id, {*correction.added, *correction.removed})
        terms_T = np.array([term for term in named if term is not None], np.int32)
        for view, sign in ((stored, -1), (index, 1)):
            weights_T = view.weights([doc_id], terms_T)[0]
            counts_V[terms_T] += sign * ((weights_T > 0) & (weights_T >= least_V[terms_T]))
    for word in index.corrections.muted:
        term = index.vocabulary.term_id(word)
        if term is not None:
            counts_V[term] = 0
