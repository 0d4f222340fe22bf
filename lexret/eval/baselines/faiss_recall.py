"""Recall of dense vectors through a FAISS index, for comparison with sparse ones.

Shapes: I pictures, T texts, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lexret.errors import InputError
from lexret.eval.retrieval.recall import Owners, Ranks
from lexret.interop.faiss_index import FaissIndex, FaissSettings
from lexret.sparse import FloatArray

DEFAULT_DEPTH: Final = 100
_NUMBER_WIDTH: Final = 9


@dataclass(frozen=True, eq=False)
class DenseRanks:
    """Ranks of the queries' answers, from 1; ``Recall.from_ranks`` sums them up.

    Attributes:
        text_to_image: (T,) int64, of the picture that each text belongs to.
        image_to_text: (I,) int64, of each picture's best text.
    """

    text_to_image: Ranks
    image_to_text: Ranks


def dense_ranks(
    images_ID: FloatArray,
    texts_TD: FloatArray,
    owners_T: Owners,
    *,
    settings: FaissSettings,
    depth: int = DEFAULT_DEPTH,
) -> DenseRanks:
    """Return the ranks of the right answers among the hits that FAISS finds.

    Unlike in :func:`~lexret.eval.retrieval.recall.ranks_from_scores`, which looks at all scores, an
    answer that is not among the first ``depth`` has the last rank of all: recall counts it as not
    found, and a median beyond ``depth`` says no more than that. Ties are ordered by number.

    Args:
        owners_T: (T,) the picture that each text belongs to.

    Raises:
        MissingPackageError: if faiss is not installed.
        InputError: if the shapes do not fit.
    """
    if owners_T.shape != (len(texts_TD),) or not len(images_ID):
        raise InputError(
            f"Found {len(owners_T)} owners, {len(texts_TD)} texts and {len(images_ID)} pictures; "
            "expected one owner a text, and a picture or more."
        )
    of_images = FaissIndex(_numbers(len(images_ID)), images_ID, settings)
    of_texts = FaissIndex(_numbers(len(texts_TD)), texts_TD, settings)
    text_to_image = np.full(len(texts_TD), len(images_ID), dtype=np.int64)
    for text, hits in enumerate(of_images.search(texts_TD, k=depth)):
        _note(text_to_image, text, [h.rank for h in hits if int(h.doc_id) == owners_T[text]])
    image_to_text = np.full(len(images_ID), len(texts_TD), dtype=np.int64)
    for image, hits in enumerate(of_texts.search(images_ID, k=depth)):
        _note(image_to_text, image, [h.rank for h in hits if owners_T[int(h.doc_id)] == image])
    return DenseRanks(text_to_image, image_to_text)


def _note(ranks: Ranks, row: int, found: list[int]) -> None:
    if found:
        ranks[row] = min(found)


def _numbers(count: int) -> list[str]:
    return [f"{number:0{_NUMBER_WIDTH}d}" for number in range(count)]
