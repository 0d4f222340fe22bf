"""The texts that a static text encoder is taught with: captions, words, and what queries look like.

Captions say how words stand together; the vocabulary's words alone, and a few of them at random
side by side, reach the words that no caption holds; pieces of captions are as short as queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lexret.vocabulary import Vocabulary

# Queries are short: most random mixtures have two words.
_MIXTURE_LENGTHS: Final = (2, 3, 4)
_MIXTURE_SHARES: Final = (0.6, 0.25, 0.15)
_MAX_PIECE: Final = 6


def taught_texts(
    captions: Sequence[str],
    vocabulary: Vocabulary,
    *,
    num_pieces: int,
    num_mixtures: int,
    seed: int = 0,
) -> list[str]:
    """Return the captions, every word of the vocabulary, pieces of captions and mixtures of words.

    In a mixture one word in two is drawn from those of the captions, the others from all.

    Args:
        captions: may be empty; then there are no pieces.
        num_pieces: runs of one to six words of a caption.
        num_mixtures: texts of two to four random words.
    """
    rng = np.random.default_rng(seed)
    pieces = [_piece(captions[i], rng) for i in _drawn(len(captions), num_pieces, rng)]
    mixtures = _mixtures(captions, vocabulary, num_mixtures, rng)
    return [*captions, *vocabulary, *pieces, *mixtures]


def _drawn(size: int, count: int, rng: np.random.Generator) -> list[int]:
    drawn: list[int] = rng.integers(size, size=count if size else 0).tolist()
    return drawn


def _piece(caption: str, rng: np.random.Generator) -> str:
    words = caption.split()
    length = int(rng.integers(1, _MAX_PIECE + 1))
    start = int(rng.integers(max(1, len(words) - length + 1)))
    return " ".join(words[start : start + length])


def _mixtures(
    captions: Sequence[str], vocabulary: Vocabulary, count: int, rng: np.random.Generator
) -> list[str]:
    used = sorted({word for text in captions for word in vocabulary.match(text)[0]})
    names = vocabulary.words
    mixtures = []
    for length in rng.choice(_MIXTURE_LENGTHS, size=count, p=_MIXTURE_SHARES).tolist():
        ids = rng.integers(len(names), size=length).tolist()
        if used:
            common = rng.integers(len(used), size=length).tolist()
            often = (rng.random(length) < 0.5).tolist()
            ids = [used[c] if o else i for i, c, o in zip(ids, common, often, strict=True)]
        mixtures.append(" ".join(names[i] for i in ids))
    return mixtures
