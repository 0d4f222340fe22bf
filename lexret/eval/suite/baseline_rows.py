"""Rows of a suite's baselines of retrieval, over the same pictures and captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lexret.captions.caption_set import CaptionSet
from lexret.errors import InputError, MissingError, MissingPackageError
from lexret.eval.baselines.bm25 import bm25_scores
from lexret.eval.baselines.dense_models import dense_scores, open_dense_model
from lexret.eval.baselines.ridge import Ridge, choose_alpha, load_split
from lexret.eval.intervals import Difference, compare, query_values
from lexret.eval.retrieval.encoding import EncodedCaptions
from lexret.eval.retrieval.recall import RetrievalRanks, ranks_from_scores
from lexret.eval.retrieval.report import IMAGE_TO_TEXT, TEXT_TO_IMAGE, intervals_of
from lexret.eval.suite.definition import RetrievalPart, source_below
from lexret.sparse import FloatArray

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel

_RIDGE_MIN_CAPTIONS = 6


@dataclass(frozen=True, eq=False)
class EncodedSource:
    """Source of a suite as a model's vectors, sparse and dense.

    Attributes:
        dense_ID: unit vectors, the mean of the pictures' dense patches.
    """

    captions: CaptionSet
    encoded: EncodedCaptions
    dense_ID: FloatArray


def baseline_rows(
    part: RetrievalPart,
    measured: EncodedSource,
    mine: RetrievalRanks,
    model: LexicalModel,
    *,
    data: Path,
    cache: Path,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return each baseline's figures, and the model's difference from it.

    A baseline whose package or weights are missing has ``{"missing": why}``.

    Args:
        mine: the ranks that the model's own vectors give.
    """
    owners_T, texts = measured.encoded.owners_T, measured.encoded.captions

    def random() -> RetrievalRanks:
        scores = np.random.default_rng(seed).random((len(measured.captions), len(texts)))
        return ranks_from_scores(scores, owners_T)

    def dense() -> RetrievalRanks:
        return ranks_from_scores(
            measured.dense_ID @ model.contextual_text.encode_dense(texts).T, owners_T
        )

    def ridge() -> RetrievalRanks:
        return ridge_ranks(part, data=data, cache=cache, seed=seed)

    def bm25() -> RetrievalRanks:
        return ranks_from_scores(bm25_scores(texts, owners_T), owners_T)

    ways: dict[str, Callable[[], RetrievalRanks]] = {
        "random": random, "dense": dense, "ridge": ridge, "bm25": bm25,
    }  # fmt: skip
    rows: dict[str, dict[str, Any]] = {}
    for name in part.baselines:
        rows[name] = figures(ways[name](), mine, measured, seed)
    for source in part.dense_models:
        try:
            opened = open_dense_model(source)
        except (MissingPackageError, MissingError) as error:
            rows[source] = {"missing": str(error)}
            continue
        pictures = [measured.captions.image(i) for i in range(len(measured.captions))]
        scores_IT = dense_scores(opened, pictures, texts)
        rows[source] = figures(ranks_from_scores(scores_IT, owners_T), mine, measured, seed)
    return rows


def ridge_ranks(part: RetrievalPart, *, data: Path, cache: Path, seed: int) -> RetrievalRanks:
    """Train the ridge baseline and rank with it.

    Raises:
        InputError: if the suite names no captions to learn from.
    """
    if not part.ridge_train:
        raise InputError("The ridge baseline needs ridge_train, the captions that it learns from.")
    train = load_split(source_below(data, part.ridge_train), None, cache, part.ridge_pool)
    relative = choose_alpha(train, min_captions=_RIDGE_MIN_CAPTIONS, seed=seed)
    split = load_split(source_below(data, part.source), None, cache, part.ridge_pool)
    ridge = Ridge.fit(train, min_captions=_RIDGE_MIN_CAPTIONS)
    return ridge.ranks(split, alpha=relative * len(train.pooled_NF))


def figures(
    ranks: RetrievalRanks, mine: RetrievalRanks, measured: EncodedSource, seed: int
) -> dict[str, Any]:
    """Return figures with intervals, and the model's difference (model - baseline) with p."""
    owners_T = measured.encoded.owners_T
    forth, back = ranks.summary()
    intervals = intervals_of(ranks, owners_T, seed=seed)
    return {
        TEXT_TO_IMAGE: forth.as_dict(),
        IMAGE_TO_TEXT: back.as_dict(),
        "intervals": {
            direction: {name: interval.as_list() for name, interval in found.items()}
            for direction, found in intervals.items()
        },
        "model_minus_this": {
            TEXT_TO_IMAGE: _as_dict(
                compare(
                    query_values(ranks.text_to_image),
                    query_values(mine.text_to_image),
                    owners_T,
                    seed=seed,
                )
            ),
            IMAGE_TO_TEXT: _as_dict(
                compare(
                    query_values(ranks.image_to_text, ranks.image_to_text_ap),
                    query_values(mine.image_to_text, mine.image_to_text_ap),
                    seed=seed,
                )
            ),
        },
    }


def _as_dict(differences: dict[str, Difference]) -> dict[str, Any]:
    return {name: difference.as_dict() for name, difference in differences.items()}
