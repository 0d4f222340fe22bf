"""Recall of text -> picture and picture -> text search, after the Karpathy protocol.

The rank of a text's picture is 1 plus the number of OTHER pictures that score at least as high;
the rank of a picture is that of its best caption: 1 plus the number of other pictures' captions
that score at least as high as it. So ties count against us, and a vector that matches nothing
ranks last. A picture counts as found by any of its captions (Karpathy and Fei-Fei, "Deep
Visual-Semantic Alignments", CVPR 2015, section 4.1, which follows Hodosh et al., JAIR 47, 2013).

Shapes: I pictures, T texts (captions), V words, C rows of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError
from lexret.sparse import SparseBatch

Ranks = npt.NDArray[np.int64]
Owners = npt.NDArray[np.int64]
Precisions = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating[Any]]
# Scores of rows start to end of one side (C, all of the other side).
_ScoreRows = Callable[[int, int], Scores]

_CHUNK_SCORES: Final = 2**24  # 64 MiB of float32


@dataclass(frozen=True, slots=True)
class Recall:
    """How often what belongs together is found among the first 1, 5 and 10.

    Attributes:
        r1: percent of queries whose answer ranks first.
        r5: percent within the first five.
        r10: percent within the first ten.
        median_rank: median of the ranks, which start at 1.
        mean_ap: mean average precision, in percent.
    """

    r1: float
    r5: float
    r10: float
    median_rank: float
    mean_ap: float

    @classmethod
    def from_ranks(cls, ranks: Ranks, precisions: Precisions | None = None) -> Recall:
        """Summarise the ranks of one or more queries, each 1 or more.

        Args:
            precisions: the queries' average precisions; None: each has one answer, so that its
                average precision is 1 / rank.
        """
        if not len(ranks):
            raise InputError("There are no queries to measure; expected one or more.")
        r1, r5, r10 = (100.0 * float(np.mean(ranks <= k)) for k in (1, 5, 10))
        mean_ap = 100.0 * float(np.mean(1.0 / ranks if precisions is None else precisions))
        return cls(r1, r5, r10, float(np.median(ranks)), mean_ap)

    def as_dict(self) -> dict[str, float]:
        """Return the figures under the names that reports and JSON give them."""
        figures = {"R@1": self.r1, "R@5": self.r5, "R@10": self.r10, "mAP": self.mean_ap}
        return {name: round(value, 4) for name, value in figures.items()} | {
            "median_rank": self.median_rank
        }


@dataclass(frozen=True, eq=False)
class RetrievalRanks:
    """The rank of each query's answer, from 1.

    Attributes:
        text_to_image: (T,) int64, of the picture that each text belongs to.
        image_to_text: (I,) int64, of each picture's best caption.
        image_to_text_ap: (I,) float64, the average precision of each picture's captions: with
            the j-th best own caption behind b captions of others (those that score the same among
            them), the mean of j / (j + b).
    """

    text_to_image: Ranks
    image_to_text: Ranks
    image_to_text_ap: Precisions

    def summary(self) -> tuple[Recall, Recall]:
        """Return the figures of text -> picture and of picture -> text."""
        return (
            Recall.from_ranks(self.text_to_image),
            Recall.from_ranks(self.image_to_text, self.image_to_text_ap),
        )


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """What was found, in both directions.

    Attributes:
        active_words_image: mean number of words in a picture's vector.
        active_words_text: mean number of words in a text's vector.
    """

    text_to_image: Recall
    image_to_text: Recall
    num_images: int
    num_captions: int
    active_words_image: float
    active_words_text: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval retrieval --json`` prints it, recall in percent."""
        return {
            "text_to_image": self.text_to_image.as_dict(),
            "image_to_text": self.image_to_text.as_dict(),
            "num_images": self.num_images,
            "num_captions": self.num_captions,
            "active_words": {
                "image": round(self.active_words_image, 4),
                "text": round(self.active_words_text, 4),
            },
        }


def evaluate_retrieval(
    images: SparseBatch, texts: SparseBatch, owners_T: Owners, *, queries: SparseBatch | None = None
) -> RetrievalResult:
    """Measure recall of sparse vectors under their dot product.

    Args:
        images: I rows.
        texts: T rows, of the same vocabulary, which pictures look for.
        owners_T: (T,) the picture's row that each text belongs to.
        queries: T rows, the texts as they look for pictures; None: as ``texts``.

    Raises:
        MismatchError: if the vocabularies differ.
        InputError: if the owners do not fit, or a picture has no text.
    """
    return summarise(images, texts, retrieval_ranks(images, texts, owners_T, queries=queries))


def summarise(images: SparseBatch, texts: SparseBatch, ranks: RetrievalRanks) -> RetrievalResult:
    """Put figures together from the ranks that :func:`retrieval_ranks` gave."""
    text_to_image, image_to_text = ranks.summary()
    return RetrievalResult(
        text_to_image=text_to_image,
        image_to_text=image_to_text,
        num_images=len(images),
        num_captions=len(texts),
        active_words_image=images.nnz / len(images),
        active_words_text=texts.nnz / len(texts),
    )


def retrieval_ranks(
    images: SparseBatch, texts: SparseBatch, owners_T: Owners, *, queries: SparseBatch | None = None
) -> RetrievalRanks:
    """Return the ranks of sparse vectors under their dot product; see :func:`evaluate_retrieval`.

    Memory does not grow with I x T: scores are made and counted in chunks of rows.
    """
    images.vocabulary.require_same(texts.vocabulary, mine="the pictures", theirs="the texts")
    _check_owners(owners_T, num_images=len(images), num_texts=len(texts))
    images_IV, texts_TV = images.to_scipy(), texts.to_scipy()
    images_VI, texts_VT = images_IV.T.tocsr(), texts_TV.T.tocsr()
    queries_TV = texts_TV if queries is None else queries.to_scipy()

    def text_rows(start: int, end: int) -> Scores:
        scores_CI: Scores = (queries_TV[start:end] @ images_VI).toarray()
        return scores_CI

    def image_rows(start: int, end: int) -> Scores:
        scores_CT: Scores = (images_IV[start:end] @ texts_VT).toarray()
        return scores_CT

    return _ranks(text_rows, image_rows, owners_T, num_images=len(images))


def ranks_from_scores(scores_IT: Scores, owners_T: Owners) -> RetrievalRanks:
    """Return the ranks that a whole table of scores gives, as of a dense model.

    Args:
        scores_IT: (I, T) finite, higher is better.
        owners_T: (T,) the picture that each text belongs to.

    Raises:
        InputError: if a score is not finite, the owners do not fit, or a picture has no text.
    """
    if scores_IT.ndim != 2 or not np.isfinite(scores_IT).all():
        raise InputError(f"Expected (I, T) finite scores; found shape {scores_IT.shape}.")
    num_images, num_texts = scores_IT.shape
    _check_owners(owners_T, num_images=num_images, num_texts=num_texts)
    return _ranks(
        lambda start, end: scores_IT[:, start:end].T,
        lambda start, end: scores_IT[start:end],
        owners_T,
        num_images=num_images,
    )


def _check_owners(owners_T: Owners, *, num_images: int, num_texts: int) -> None:
    if owners_T.shape != (num_texts,) or not np.issubdtype(owners_T.dtype, np.integer):
        raise InputError(
            f"The owners have shape {owners_T.shape} and type {owners_T.dtype}; "
            f"expected one integer for each of the {num_texts} texts."
        )
    if num_texts and not 0 <= int(owners_T.min()) <= int(owners_T.max()) < num_images:
        raise InputError(
            f"Owners run from {owners_T.min()} to {owners_T.max()}; expected 0 to {num_images - 1}."
        )
    num_alone = num_images - len(np.unique(owners_T))
    if num_alone:
        raise InputError(
            f"{num_alone} of {num_images} pictures have no text; expected one or more for each."
        )


def _ranks(
    text_rows: _ScoreRows, image_rows: _ScoreRows, owners_T: Owners, *, num_images: int
) -> RetrievalRanks:
    num_texts = len(owners_T)
    text_to_image = np.empty(num_texts, dtype=np.int64)
    for start, end in _chunks(num_texts, num_images):
        scores_CI = text_rows(start, end)
        own_C1 = np.take_along_axis(scores_CI, owners_T[start:end, None], axis=1)
        # The own picture is among those that score as high as itself: it is the 1 of the rank.
        text_to_image[start:end] = (scores_CI >= own_C1).sum(axis=1)

    by_owner_T = np.argsort(owners_T, kind="stable")
    bounds = np.searchsorted(owners_T[by_owner_T], np.arange(num_images + 1))
    image_to_text = np.empty(num_images, dtype=np.int64)
    image_to_text_ap = np.empty(num_images, dtype=np.float64)
    for start, end in _chunks(num_images, num_texts):
        for image, scores_T in enumerate(image_rows(start, end), start=start):
            own = scores_T[by_owner_T[bounds[image] : bounds[image + 1]]]
            places = _own_places(scores_T, own)
            image_to_text[image] = places[0]
            image_to_text_ap[image] = np.mean(np.arange(1, len(own) + 1) / places)
    return RetrievalRanks(text_to_image, image_to_text, image_to_text_ap)


def _own_places(scores_T: Scores, own: Scores) -> Ranks:
    """Return the places of the own captions in the ranking, best first, ties against them."""
    best_first = np.sort(own)[::-1]
    not_better = np.searchsorted(np.sort(scores_T), best_first, side="left")
    own_not_better = np.searchsorted(best_first[::-1], best_first, side="left")
    others = (len(scores_T) - not_better) - (len(own) - own_not_better)
    places: Ranks = np.arange(1, len(own) + 1) + others
    return places


def _chunks(num_rows: int, num_columns: int) -> list[tuple[int, int]]:
    step = max(1, _CHUNK_SCORES // max(1, num_columns))
    return [(start, min(start + step, num_rows)) for start in range(0, num_rows, step)]
