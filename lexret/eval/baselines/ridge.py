"""The ridge baseline: caption words predicted from pooled backbone features, in closed form.

A picture's features are the mean over its patches (with ``--pool mean+max`` also the maximum),
standardised. Its target is a vector over the words of the training captions that stand in enough
of them: sqrt(share of the picture's captions with the word) * idf. One ridge regression predicts
the targets; alpha is chosen on a part of the training pictures. A picture's score with a caption
is the cosine of its prediction (without the intercept, the mean picture) and the caption's idf
vector. Ranks are counted as ``lexret eval retrieval`` counts them.

Of those tried on Flickr8k dev (targets as counts, 0 or 1, their square roots, with and without
idf and normalisation; with and without intercept; idf over pictures and over captions), these
choices gave the highest recall.

Legend: N pictures, P patches, F features, T captions, W words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.config import ImageConfig
from lexret.errors import InputError
from lexret.eval.retrieval.recall import RetrievalRanks, ranks_from_scores
from lexret.presets import preset_values
from lexret.vocabulary import Vocabulary

Array = npt.NDArray[np.floating[Any]]

# Ridge's alpha divided by the number of pictures, so that it means the same for part and whole.
RELATIVE_ALPHAS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
HELD_OUT_SHARE: Final = 1 / 6
READ_ROWS: Final = 256


@dataclass(frozen=True)
class Split:
    """Split of a data set: pictures as pooled features, and their captions as words.

    Attributes:
        pooled_NF: features.
        has_word_TV: 1 where a caption holds a word of the vocabulary.
        owners_T: the picture that each caption belongs to.
    """

    pooled_NF: Array
    has_word_TV: csr_array
    owners_T: npt.NDArray[np.int64]

    def part(self, pictures: npt.NDArray[np.int64]) -> Split:
        """Return some of the pictures with their captions."""
        places = np.full(len(self.pooled_NF), -1)
        places[pictures] = np.arange(len(pictures))
        chosen = np.flatnonzero(places[self.owners_T] >= 0)
        owners = places[self.owners_T[chosen]]
        return Split(self.pooled_NF[pictures], self.has_word_TV[chosen], owners)

    def caption_share(self, words: npt.NDArray[np.int64]) -> Array:
        """Return (N, W) the share of a picture's captions that hold each of the words."""
        num_pictures, num_captions = len(self.pooled_NF), len(self.owners_T)
        ones = np.ones(num_captions, np.float32)
        shape = (num_pictures, num_captions)
        belongs_NT = csr_array((ones, (self.owners_T, np.arange(num_captions))), shape=shape)
        counts_NW = (belongs_NT @ self.has_word_TV[:, words]).toarray()
        shares_NW: Array = counts_NW / np.bincount(self.owners_T, minlength=num_pictures)[:, None]
        return shares_NW


@dataclass(frozen=True)
class Ridge:
    """Ridge regressions of one training set for every alpha, with shared eigenvectors."""

    mean_F: Array
    scale_F: Array
    eigenvalues_F: Array
    eigenvectors_FF: Array
    projected_FW: Array
    words: npt.NDArray[np.int64]
    idf_W: Array

    @classmethod
    def fit(cls, train: Split, *, min_captions: int) -> Ridge:
        """Decompose the features' covariance and project the targets."""
        num_captions_V = np.asarray(train.has_word_TV.sum(axis=0)).ravel()
        words = np.flatnonzero(num_captions_V >= min_captions)
        if not len(words):
            raise InputError(f"No word stands in {min_captions} training captions.")
        share_NW = train.caption_share(words)
        idf_W = np.log(len(share_NW) / (share_NW > 0).sum(axis=0))
        target_NW = np.sqrt(share_NW) * idf_W
        mean_F, scale_F = train.pooled_NF.mean(axis=0), train.pooled_NF.std(axis=0) + 1e-6
        features_NF = ((train.pooled_NF - mean_F) / scale_F).astype(np.float64)
        values_F, vectors_FF = np.linalg.eigh(features_NF.T @ features_NF)
        projected_FW = vectors_FF.T @ (features_NF.T @ (target_NW - target_NW.mean(axis=0)))
        return cls(mean_F, scale_F, values_F, vectors_FF, projected_FW, words, idf_W)

    def ranks(self, split: Split, *, alpha: float) -> RetrievalRanks:
        """Rank the captions and pictures of a split."""
        weights_FW = self.eigenvectors_FF @ (
            self.projected_FW / (self.eigenvalues_F[:, None] + alpha)
        )
        predicted_NW = ((split.pooled_NF - self.mean_F) / self.scale_F) @ weights_FW
        words_TW = split.has_word_TV[:, self.words].toarray() * self.idf_W
        return ranks_from_scores(_unit(predicted_NW) @ _unit(words_TW).T, split.owners_T)


def _unit(rows: Array) -> Array:
    unit: Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def choose_alpha(train: Split, *, min_captions: int, seed: int) -> float:
    """Return the relative alpha with the highest sum of the six figures on a held-out part."""
    order = np.random.default_rng(seed).permutation(len(train.pooled_NF))
    num_held_out = max(1, int(len(order) * HELD_OUT_SHARE))
    held_out, rest = train.part(order[:num_held_out]), train.part(order[num_held_out:])
    ridge = Ridge.fit(rest, min_captions=min_captions)

    def quality(relative: float) -> float:
        return sum(figures(ridge.ranks(held_out, alpha=relative * len(rest.pooled_NF))))

    return max(RELATIVE_ALPHAS, key=quality)


def figures(ranks: RetrievalRanks) -> list[float]:
    """Return R@1/5/10 of text -> picture, then of picture -> text, in percent."""
    return [figure for recall in ranks.summary() for figure in (recall.r1, recall.r5, recall.r10)]


def load_split(
    source: str,
    features: Path | None,
    cache: Path,
    pool: str,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """Read captions and pool features, from a file or computed into the cache.

    Raises:
        InputError: if the features do not fit the captions.
    """
    captions = open_captions(source)
    features_NPF: npt.NDArray[Any]
    if features is None:
        features_NPF = computed_features(captions, cache, progress)
    else:
        features_NPF = np.load(features, mmap_mode="r")
    if features_NPF.ndim != 3 or len(features_NPF) != len(captions):
        raise InputError(
            f"{features} has shape {features_NPF.shape}; expected (N, P, F) with one row for each "
            f"of the {len(captions)} pictures of {source}, in their order."
        )
    pooled = []
    for start in range(0, len(features_NPF), READ_ROWS):
        rows_NPF = np.asarray(features_NPF[start : start + READ_ROWS], dtype=np.float32)
        parts = [rows_NPF.mean(axis=1), rows_NPF.max(axis=1)]
        pooled.append(np.concatenate(parts if pool == "mean+max" else parts[:1], axis=1))
    has_word_TV, owners_T = _caption_words(captions)
    return Split(np.concatenate(pooled), has_word_TV, owners_T)


def computed_features(
    captions: CaptionSet, cache: Path, progress: Callable[[int, int], None] | None = None
) -> npt.NDArray[Any]:
    """Return (N, P, F) features of the preset ``mini``'s backbone, from the cache or made there."""
    from lexret.encoders.image.feature_cache import cached_features

    config = ImageConfig.model_validate(preset_values("mini")["model"]["image"])
    return cached_features(captions, config, cache, progress=progress)


def _caption_words(captions: CaptionSet) -> tuple[csr_array, npt.NDArray[np.int64]]:
    from lexret.captions.word_use import caption_words

    texts = [(text, i) for i in range(len(captions)) for text in captions.captions(i)]
    words_TV = caption_words([text for text, _ in texts], Vocabulary.shipped())
    return words_TV, np.array([i for _, i in texts])
