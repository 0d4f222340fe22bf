"""Control: does "X without Y" leave Y out, and does "X with Y" bring it?

Queries are pairs of things that go together in the pictures at hand, so that leaving one out is
not easy. The sparse index excludes and requires words exactly as ``lexret search "X -Y"`` and
``"X +Y"`` do; a dense index can only subtract or add vectors.

Legend: I pictures, Q queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.encoders.protocol import Encoder
from lexret.encoders.text.queries import queries_of
from lexret.errors import InputError
from lexret.eval.control.concepts import Inventory, Shown
from lexret.eval.control.known_pictures import KnownPictures
from lexret.eval.intervals import Interval, bootstrap_intervals
from lexret.sparse import FloatArray

K: Final = 10
MAX_PAIRS: Final = 100
# lexret search's own thresholds: `-Y` and `-Y>0.05`.
THRESHOLDS: Final = (0.0, 0.05)
_SUBTRACTIONS: Final = (0.5, 1.0)

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TopTen:
    """What one way of asking found, over all queries.

    Attributes:
        hits: mean number of hits among the first ten.
        first: percent of the hits that show X.
        second: percent that show Y.
        good: percent that show what was asked for (X without Y, or X with Y).
        interval: of ``second``.
    """

    hits: float
    first: float
    second: float
    good: float
    interval: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        figures = {"X": self.first, "Y": self.second, "right": self.good, "hits": self.hits}
        rounded = {name: round(value, 4) for name, value in figures.items()}
        return {**rounded, "interval_of_Y": self.interval.as_list()}


@dataclass(frozen=True, eq=False)
class ControlResult:
    """Both kinds of queries.

    Attributes:
        pairs: the names of X and Y of each query.
        without: way of asking -> what "X without Y" found.
        required: way of asking -> what "X with Y" found.
    """

    pairs: tuple[tuple[str, str], ...]
    without: Mapping[str, TopTen]
    required: Mapping[str, TopTen]
    num_pictures: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval exclusion --json`` prints it."""
        return {
            "exclusion": {name: one.as_dict() for name, one in self.without.items()},
            "required": {name: one.as_dict() for name, one in self.required.items()},
            "num_queries": len(self.pairs),
            "num_images": self.num_pictures,
            "queries": [f"{x} without {y}" for x, y in self.pairs],
        }


@dataclass(frozen=True, eq=False)
class _Question:
    """One pair, with the scores of all ways to ask for its parts."""

    x: int
    y: int
    sparse_x_I: Scores
    sparse_y_I: Scores
    dense_x_I: Scores
    dense_y_I: Scores
    weight_y_I: Scores
    level_y: float

    @property
    def holds_y_I(self) -> npt.NDArray[np.bool_]:
        """Whether a picture holds the word of Y at its level."""
        held: npt.NDArray[np.bool_] = (self.weight_y_I > 0) & (self.weight_y_I >= self.level_y)
        return held


def measure_control(
    pictures: KnownPictures,
    texts: Encoder[str],
    dense_texts_CD: FloatArray,
    *,
    levels_V: FloatArray | None = None,
    max_pairs: int = MAX_PAIRS,
    min_pictures: int = 2,
    seed: int = 0,
) -> ControlResult:
    """Ask for X without Y and for X with Y.

    Args:
        dense_texts_CD: unit vectors of the inventory's names.
        levels_V: the words' levels, by which ``+`` and ``-`` go; None: the model has none.
        max_pairs: at most so many queries.
        min_pictures: a pair needs so many pictures with both, and with X alone.

    Raises:
        InputError: if the pictures hold no pair of things that go together.
    """
    inventory = pictures.inventory
    pairs = [
        (x, y)
        for x, y in inventory.pairs(
            min_both=min_pictures, min_first_only=min_pictures, max_pairs=len(inventory.names) ** 2
        )
        if pictures.sparse.vocabulary.term_id(inventory.names[y]) is not None
    ][:max_pairs]
    if not pairs:
        raise InputError(
            f"No two things of the {len(inventory.names)} asked for go together in {min_pictures} "
            "pictures; a larger collection is needed."
        )
    questions = _questions(pictures, texts, dense_texts_CD, pairs, levels_V)
    names = tuple((inventory.names[x], inventory.names[y]) for x, y in pairs)
    return ControlResult(
        names,
        _without(questions, inventory, seed),
        _required(questions, inventory, seed),
        len(pictures.sparse),
    )


def _questions(
    pictures: KnownPictures,
    texts: Encoder[str],
    dense_texts_CD: FloatArray,
    pairs: Sequence[tuple[int, int]],
    levels_V: FloatArray | None,
) -> list[_Question]:
    images_VI = pictures.sparse.to_scipy().T.tocsr()
    names = pictures.inventory.names
    queries_CV = queries_of(texts, texts.encode(names), names).to_scipy()
    sparse_CI = (queries_CV @ images_VI).toarray().astype(np.float64)
    dense_CI = (dense_texts_CD @ pictures.dense_ID.T).astype(np.float64)
    vocabulary = pictures.sparse.vocabulary
    term_ids = {y: vocabulary.term_id(names[y]) for _, y in pairs}
    weights_I = {
        y: images_VI[term_id].toarray()[0].astype(np.float64) for y, term_id in term_ids.items()
    }
    levels = {
        y: 0.0 if levels_V is None else float(levels_V[term_id]) for y, term_id in term_ids.items()
    }
    return [
        _Question(
            *(x, y, sparse_CI[x], sparse_CI[y], dense_CI[x], dense_CI[y], weights_I[y], levels[y])
        )
        for x, y in pairs
    ]


def _without(questions: Sequence[_Question], inventory: Inventory, seed: int) -> dict[str, TopTen]:
    ways = {
        "X alone": [_sparse_top(q.sparse_x_I) for q in questions],
        "X -Y": [_sparse_top(q.sparse_x_I, ~q.holds_y_I) for q in questions],
    }
    for limit in THRESHOLDS:
        name = f"X -Y>{limit:g}"
        ways[name] = [_sparse_top(q.sparse_x_I, q.weight_y_I <= limit) for q in questions]
    ways["dense X alone"] = [_top(q.dense_x_I) for q in questions]
    for part in _SUBTRACTIONS:
        name = f"dense X - {part:g} Y"
        ways[name] = [_top(q.dense_x_I - part * q.dense_y_I) for q in questions]
    return {
        name: _summary(found, questions, inventory.shown_CI, wanted=False, seed=seed)
        for name, found in ways.items()
    }


def _required(questions: Sequence[_Question], inventory: Inventory, seed: int) -> dict[str, TopTen]:
    ways = {
        "X alone": [_sparse_top(q.sparse_x_I) for q in questions],
        "X Y": [_sparse_top(q.sparse_x_I + q.sparse_y_I) for q in questions],
        "X +Y": [_sparse_top(q.sparse_x_I + q.sparse_y_I, q.holds_y_I) for q in questions],
        "dense X alone": [_top(q.dense_x_I) for q in questions],
        "dense X + Y": [_top(q.dense_x_I + q.dense_y_I) for q in questions],
    }
    return {
        name: _summary(found, questions, inventory.shown_CI, wanted=True, seed=seed)
        for name, found in ways.items()
    }


def _sparse_top(
    scores_I: Scores, allowed_I: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.int64]:
    """Return the first ten as an index gives them: only what shares a word with the query."""
    found_I = scores_I > 0 if allowed_I is None else (scores_I > 0) & allowed_I
    rows = np.flatnonzero(found_I)
    return rows[np.argsort(-scores_I[rows], kind="stable")[:K]]


def _top(scores_I: Scores) -> npt.NDArray[np.int64]:
    return np.argsort(-scores_I, kind="stable")[:K]


def _summary(
    found: Sequence[npt.NDArray[np.int64]],
    questions: Sequence[_Question],
    shown_CI: Shown,
    *,
    wanted: bool,
    seed: int,
) -> TopTen:
    """Sum hits up; a query without hits shows nothing wrong and nothing right."""
    rows = []
    for hits, question in zip(found, questions, strict=True):
        x_I, y_I = shown_CI[question.x, hits], shown_CI[question.y, hits]
        size = max(1, len(hits))
        good = (x_I & (y_I == wanted)).sum()
        rows.append([len(hits), 100 * x_I.sum() / size, 100 * y_I.sum() / size, 100 * good / size])
    values = np.array(rows, dtype=np.float64)
    interval = bootstrap_intervals({"Y": values[:, 2]}, seed=seed)["Y"]
    hits_mean, first, second, good_mean = (float(one) for one in values.mean(axis=0))
    return TopTen(hits_mean, first, second, good_mean, interval)
