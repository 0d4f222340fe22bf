"""Use of words in captions.

Legend: N captions, V words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from lexret.vocabulary import Vocabulary


def caption_words(
    texts: Sequence[str], vocabulary: Vocabulary, *, parts: bool = False
) -> sparse.csr_array:
    """Return (N, V) float32 with 1 where a caption holds a word.

    Args:
        parts: also count the words within phrases.
    """
    found = [sorted(set(vocabulary.match(text, parts=parts)[0])) for text in texts]
    indptr = np.concatenate([[0], np.cumsum([len(ids) for ids in found])])
    indices = np.array([i for ids in found for i in ids], dtype=np.int64)
    ones = np.ones(len(indices), np.float32)
    return sparse.csr_array((ones, indices, indptr), shape=(len(texts), len(vocabulary)))
