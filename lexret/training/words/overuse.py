"""Limits on overused words: biases are lowered until a word is about as rare as its use.

The overuse penalty lowers a word's weight, not the number of pictures that it weakly fires in; and
words that few training captions use hardly ever learn where they do not belong.

Legend: N pictures, P patches, F features, V words.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from lexret.captions.caption_set import CaptionSet
from lexret.captions.word_use import caption_words
from lexret.config import Activation
from lexret.encoders.image.feature_cache import CachedFeatures
from lexret.encoders.image.image_side import ImageSide
from lexret.training.random_draws import Stream, generator
from lexret.training.reading.imagined import FloatArray, ImaginedPictures
from lexret.vocabulary import Vocabulary

_CHUNK = 64
# Training pictures that show how often a word is active.
_SAMPLE = 1000
# Training pictures that show the base rate of a word's weight.
_BACKGROUND = 2000
# A word that captions of fewer pictures use counts as unused.
FEW = 5
# A used word may be active in this many times the pictures whose captions name it, on top of its
# share: captions leave out most of what a picture shows.
_TIMES = 3.0


class UseLimit:
    """Limit on the use of words in a sample of a run's pictures; see :func:`limit_use`.

    Args:
        features_NPF: of the pictures that the sample is drawn from.
        uses_V: captions of how many training pictures use each word.
        num_pictures: how many training pictures there are.
        most: see :func:`limit_use`.
    """

    def __init__(
        self,
        features_NPF: CachedFeatures | FloatArray,
        uses_V: Tensor,
        num_pictures: int,
        most: tuple[float, float],
        *,
        seed: int,
    ) -> None:
        self._uses_V, self._num_pictures, self._most = uses_V, num_pictures, most
        chosen = generator(Stream.WORD_USE_PICTURES, seed).permutation(len(features_NPF))
        self._features_NPF, self._sample = features_NPF, np.sort(chosen[:_SAMPLE])

    def apply(self, image: ImageSide) -> None:
        """Lower the biases of an image side that is not learning just now."""
        sample_NPF = self._features_NPF[self._sample]
        limit_use(image, sample_NPF, self._uses_V, self._num_pictures, self._most)


@torch.no_grad()
def limit_use(
    image: ImageSide,
    features_NPF: CachedFeatures | FloatArray,
    uses_V: Tensor,
    num_pictures: int,
    most: tuple[float, float],
) -> int:
    """Lower the biases of words that are active (logit above 0) in too many of some pictures.

    Args:
        uses_V: captions of how many training pictures use the word.
        num_pictures: how many training pictures there are.
        most: shares of the pictures in which a word may be active: the first for a word that
            captions of fewer than five pictures use; the second for any other word, plus three
            times the share of pictures whose captions use it.

    Returns:
        how many words were held back.
    """
    device = image.bias_V.device
    logits = []
    for start in range(0, len(features_NPF), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(features_NPF)))
        chunk = torch.from_numpy(np.array(features_NPF[rows])).float()
        logits.append(image(chunk.nan_to_num().to(device)))
    logits_NV = torch.cat(logits)
    uses_V = uses_V.to(device)
    allowed_V = torch.where(uses_V < FEW, most[0], most[1] + _TIMES * uses_V / num_pictures) * len(
        logits_NV
    )
    # The strongest logit that must not be active; at 0 or below it is not.
    place_1V = allowed_V.long().clamp_max(len(logits_NV) - 1).unsqueeze(0)
    falling_NV = logits_NV.sort(dim=0, descending=True).values
    excess_V = falling_NV.gather(0, place_1V)[0].clamp_min(0.0)
    excess_V = torch.where(allowed_V < len(logits_NV), excess_V, 0.0)
    image.bias_V.sub_(excess_V)
    return int((excess_V > 0).sum())


def background_rows(first: int, last: int, *, seed: int) -> np.ndarray:
    """Return pictures from ``first`` to before ``last``, drawn at random, rising."""
    order = generator(Stream.BASE_RATE_PICTURES, seed).permutation(last - first)
    return np.sort(order[:_BACKGROUND]) + first


@torch.no_grad()
def measure_base_rates(
    image: ImageSide,
    features_NPF: CachedFeatures | FloatArray,
    rows: np.ndarray,
    activation: Activation,
    quantile: float,
) -> None:
    """Set each word's base rate to a quantile of its weights over some pictures.

    Args:
        rows: which pictures.
    """
    image.base_rate_V.zero_()
    weights = []
    for start in range(0, len(rows), _CHUNK):
        chunk = torch.from_numpy(np.array(features_NPF[rows[start : start + _CHUNK]])).float()
        chunk = chunk.nan_to_num().to(image.base_rate_V.device)
        weights.append(image.word_weights(chunk, activation))
    rising_NV = torch.cat(weights).sort(dim=0).values
    rates_V = rising_NV[int(quantile * (len(rising_NV) - 1))].cpu().numpy()
    image.base_rate_V.copy_(torch.from_numpy(_rounded_up(rates_V)))


def _rounded_up(rates_V: FloatArray) -> FloatArray:
    """Round to half precision, in which a checkpoint stores base rates, and never down."""
    half_V = rates_V.astype(np.float16)
    low_V = half_V.astype(np.float32) < rates_V
    raised_V = np.where(low_V, np.nextafter(half_V, np.float16(np.inf)), half_V)
    return raised_V.astype(np.float32)


def imagined_features(
    imagined: ImaginedPictures, features_NPF: CachedFeatures, *, seed: int
) -> FloatArray:
    """Return (C, P, F) features of one imagined picture a class, before random real ones.

    They are unlike the training pictures: a word that is active in most of them was learnt from
    what all training pictures share, and would be active in most pictures of other collections.
    """
    rng = generator(Stream.IMAGINED_PICTURES, seed)
    backgrounds = rng.integers(len(features_NPF), size=len(imagined)).tolist()
    return np.stack(
        [
            imagined.features(
                i, np.nan_to_num(features_NPF[np.array([place])][0].astype(np.float32)), rng
            )
            for i, place in enumerate(backgrounds)
        ]
    )


def picture_uses(words_NV: sparse.csr_array, owners_N: np.ndarray) -> Tensor:
    """Return (V,) captions of how many pictures use each word.

    Args:
        words_NV: which words each of N captions holds.
        owners_N: which picture each caption is of, from 0 without gaps.
    """
    num_pictures = int(owners_N.max()) + 1
    ones = np.ones(len(owners_N), np.float32)
    places = (owners_N, np.arange(len(owners_N)))
    of_pictures = sparse.csr_array((ones, places), shape=(num_pictures, len(owners_N)))
    held = (of_pictures @ words_NV) > 0
    return torch.from_numpy(np.asarray(held.sum(0)).ravel()).float()


def use_of_words(
    captions: CaptionSet, imagined: ImaginedPictures | None, vocabulary: Vocabulary
) -> Tensor:
    """Return (V,) captions of how many training pictures, real or imagined, use each word."""
    texts = [captions.captions(i) for i in range(len(captions))]
    if imagined is not None:
        # Each class is seen before many backgrounds: it counts as several pictures.
        texts += [imagined.captions(i) for i in range(len(imagined))] * FEW
    owners_N = np.repeat(np.arange(len(texts)), [len(group) for group in texts])
    every = [text for group in texts for text in group]
    return picture_uses(caption_words(every, vocabulary, parts=True), owners_N)
