"""Texts that a static text encoder is taught with: captions, words, and texts like queries.

Captions show which words go together; the vocabulary's words alone, and random mixtures of a few
of them, cover the words that no caption holds; pieces of captions are as short as queries; captions
with some words exchanged show all words in sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from lexret.encoders.text.static_encoder import token_pairs
from lexret.vocabulary import Vocabulary, tokenize

# Queries are short: most random mixtures have two words.
_MIXTURE_LENGTHS: Final = (2, 3, 4)
_MIXTURE_SHARES: Final = (0.6, 0.25, 0.15)
_MAX_PIECE: Final = 6
_LEFT_OUT: Final = 0.12


def further_words(
    captions: Sequence[str], vocabulary: Vocabulary, *, min_captions: int
) -> tuple[str, ...]:
    """Return words that so many captions hold and the vocabulary lacks, the common first."""
    counts = Counter(word for text in captions for word in set(vocabulary.match(text)[1]))
    return tuple(word for word in _ranked(counts) if counts[word] >= min_captions)


def frequent_pairs(
    captions: Sequence[str], *, num_pairs: int, min_captions: int
) -> tuple[str, ...]:
    """Return the pairs of words that stand together in most captions, the common first.

    Args:
        num_pairs: return so many at most.
        min_captions: leave out a pair that fewer captions hold.
    """
    counts = Counter(pair for text in captions for pair in set(token_pairs(text)))
    return tuple(pair for pair in _ranked(counts)[:num_pairs] if counts[pair] >= min_captions)


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda text: (-counts[text], text))


def taught_texts(
    captions: Sequence[str],
    vocabulary: Vocabulary,
    *,
    num_pieces: int,
    num_mixtures: int,
    num_variations: int,
    seed: int = 0,
) -> list[str]:
    """Return the captions, every word of the vocabulary, and random texts made of both.

    Args:
        captions: may be empty; then there are no pieces and no variations.
        num_pieces: runs of one to six words of a caption.
        num_mixtures: two to four random words, one in two of them from the captions.
        num_variations: captions with one or two words exchanged and some left out.
    """
    rng = np.random.default_rng(seed)
    used = sorted({word for text in captions for word in vocabulary.match(text)[0]})
    pieces = [_piece(captions[i], rng) for i in _drawn(len(captions), num_pieces, rng)]
    lengths = rng.choice(_MIXTURE_LENGTHS, size=num_mixtures, p=_MIXTURE_SHARES).tolist()
    mixtures = [" ".join(_words(length, vocabulary, used, rng)) for length in lengths]
    varied = _drawn(len(captions), num_variations, rng)
    variations = [_variation(captions[i], vocabulary, used, rng) for i in varied]
    return [*captions, *vocabulary, *pieces, *mixtures, *variations]


def _drawn(size: int, count: int, rng: np.random.Generator) -> list[int]:
    drawn: list[int] = rng.integers(size, size=count).tolist() if size else []
    return drawn


def _piece(caption: str, rng: np.random.Generator) -> str:
    words = caption.split()
    length = int(rng.integers(1, _MAX_PIECE + 1))
    start = int(rng.integers(max(1, len(words) - length + 1)))
    return " ".join(words[start : start + length])


def _words(
    count: int, vocabulary: Vocabulary, used: Sequence[int], rng: np.random.Generator
) -> list[str]:
    """Draw words: one in two from those of the captions, the others from all."""
    ids: list[int] = rng.integers(len(vocabulary), size=count).tolist()
    if used:
        common = rng.integers(len(used), size=count).tolist()
        often = (rng.random(count) < 0.5).tolist()
        ids = [used[c] if o else i for i, c, o in zip(ids, common, often, strict=True)]
    return [vocabulary.words[i] for i in ids]


def _variation(
    caption: str, vocabulary: Vocabulary, used: Sequence[int], rng: np.random.Generator
) -> str:
    words = tokenize(caption)
    places = [place for place, word in enumerate(words) if word in vocabulary]
    exchanged = rng.permutation(places)[: int(rng.integers(1, 3))].tolist()
    for place, word in zip(exchanged, _words(len(exchanged), vocabulary, used, rng), strict=True):
        words[int(place)] = word
    kept = rng.random(len(words)) >= _LEFT_OUT
    return " ".join(word for word, stays in zip(words, kept.tolist(), strict=True) if stays)
