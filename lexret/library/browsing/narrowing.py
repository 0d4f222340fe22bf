"""Words that narrow a result: many of its hits hold them, and few of the other pictures do.

Shapes: D hits, T candidate words, V words.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.library.browsing.word_counts import Counts
from lexret.sparse import FloatArray

_CANDIDATES: Final = 500
_LEAST_HITS: Final = 2
# Shares of the hits: what nearly all hold narrows nothing, what hardly any holds leaves nothing.
_SHARES: Final = (0.06, 0.85)


@dataclass(frozen=True, slots=True)
class NarrowingWord:
    """A word, and how many of the hits that were looked at hold it."""

    word: str
    num_hits: int


def narrowing_words(
    index: EmbeddedIndex,
    hits: Sequence[str],
    counts_V: Counts,
    levels_V: FloatArray | None,
    *,
    without: Collection[int],
    k: int,
) -> list[NarrowingWord]:
    """Return the words that distinguish some of the hits from the others and from the library.

    They are ordered by share of the hits times the logarithm of how much greater that share is than
    in the whole library: the words' part in the divergence of the hits from the library.

    Args:
        hits: ids of the hits to look at.
        counts_V: how many pictures of the index hold each word.
        levels_V: the words' levels; None: every weight holds its word.
        without: words of the query.
    """
    if len(hits) <= _LEAST_HITS:
        return []
    terms_T = np.argsort(-counts_V, kind="stable")[:_CANDIDATES].astype(np.int32)
    terms_T = terms_T[(counts_V[terms_T] > 0) & ~np.isin(terms_T, list(without))]
    weights_DT = index.weights(hits, terms_T)
    least_T = 0.0 if levels_V is None else levels_V[terms_T]
    number_T = ((weights_DT > 0) & (weights_DT >= least_T)).sum(0)
    share_T = number_T / len(hits)
    library_T = counts_V[terms_T] / max(1, len(index))
    fitting_T = (number_T >= _LEAST_HITS) & (share_T >= _SHARES[0]) & (share_T <= _SHARES[1])
    gain_T = share_T * np.log(np.maximum(share_T, 1e-9) / np.maximum(library_T, 1e-9))
    order = np.argsort(np.where(fitting_T, -gain_T, np.inf), kind="stable")
    found: dict[str, NarrowingWord] = {}
    words = index.vocabulary.words
    for place in order.tolist():
        if len(found) == k or not fitting_T[place] or gain_T[place] <= 0:
            break
        word = words[int(terms_T[place])]
        if not any(other in found for other in index.vocabulary.numbers_of(word)):
            found[word] = NarrowingWord(word, int(number_T[place]))
    return list(found.values())
