"""Searches for things that a collection of pictures shows, or does not show.

Annotated pictures give searches of both kinds: for each thing, a collection with it and one from
which its pictures were taken out, each whole, halved and quartered at random, asked for in several
ways.

Legend: C things, Q queries, I pictures, S searches, H hits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.encoders.protocol import Encoder
from lexret.encoders.text.queries import queries_of
from lexret.eval.control.annotated_pictures import AnnotatedPictures
from lexret.library.asking.calibration import (
    NUM_CONSIDERED,
    measure_hits,
    moments,
    sayable_words,
)
from lexret.sparse import FloatArray

# How people ask for a thing.
WAYS: Final = ("{}", "a {}", "a photo of a {}")
_FRACTIONS: Final = (1.0, 0.5, 0.25)
_MIN_PICTURES: Final = 8

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Searches:
    """Searches, each by its ten best hits.

    Attributes:
        measured_SH4: score, standing, typed words' weight and hold of the hits; rows of hits that
            there were not are -inf in the score.
        right_SH: whether a hit shows the thing.
        present_S: whether any picture of the collection does.
        thing_S: what was asked for.
    """

    measured_SH4: Floats
    right_SH: Bools
    present_S: Bools
    thing_S: npt.NDArray[np.int64]

    def part(self, chosen_S: Bools) -> Searches:
        """Return some of the searches."""
        return Searches(
            self.measured_SH4[chosen_S],
            self.right_SH[chosen_S],
            self.present_S[chosen_S],
            self.thing_S[chosen_S],
        )

    @property
    def exists_SH(self) -> Bools:
        """Whether there is such a hit."""
        there: Bools = np.isfinite(self.measured_SH4[:, :, 0])
        return there


def make_searches(
    pictures: AnnotatedPictures,
    texts: Encoder[str],
    *,
    levels_V: FloatArray | None = None,
    silent: Collection[int] = (),
    seed: int = 0,
) -> Searches:
    """Search for every thing in collections with and without it."""
    inventory, rng = pictures.inventory, np.random.default_rng(seed)
    images_IV = pictures.sparse.to_scipy()
    asked = [(c, way.format(name)) for way in WAYS for c, name in enumerate(inventory.names)]
    written = [text for _, text in asked]
    queries = queries_of(texts, texts.encode(written), written)
    scores_QI = (queries.to_scipy() @ images_IV.T).toarray().astype(np.float64)
    rows: list[tuple[Floats, Bools, bool, int]] = []
    for (thing, text), scores_I in zip(asked, scores_QI, strict=True):
        typed = sayable_words(text, pictures.sparse.vocabulary, silent)
        typed_IT = images_IV[:, typed].toarray().astype(np.float64)
        levels_T = None if levels_V is None else levels_V[typed].astype(np.float64)
        shown_I = inventory.shown_CI[thing]
        for with_it in (True, False):
            pool = np.arange(len(shown_I)) if with_it else np.flatnonzero(~shown_I)
            for fraction in _FRACTIONS:
                size = round(len(pool) * fraction)
                collection = np.sort(rng.permutation(pool)[:size])
                present = bool(shown_I[collection].any())
                if size < _MIN_PICTURES or present != with_it:
                    continue  # halving may have taken the thing out: that is the other kind
                rows.append(
                    (
                        *_one_search(scores_I, typed_IT, levels_T, shown_I, collection),
                        present,
                        thing,
                    )
                )
    measured, right, present_S, things = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Searches(
        np.array(measured).reshape(-1, NUM_CONSIDERED, 4),
        np.array(right, dtype=bool).reshape(-1, NUM_CONSIDERED),
        np.array(present_S, dtype=bool),
        np.array(things, dtype=np.int64),
    )


def _one_search(
    scores_I: Floats,
    typed_IT: Floats,
    levels_T: Floats | None,
    shown_I: Bools,
    collection: npt.NDArray[np.int64],
) -> tuple[Floats, Bools]:
    scores = scores_I[collection]
    order = np.argsort(-scores, kind="stable")[:NUM_CONSIDERED]
    hits = order[scores[order] > 0]
    found = np.full((NUM_CONSIDERED, 4), -np.inf)
    found[:, 1:] = 0.0
    right = np.zeros(NUM_CONSIDERED, dtype=bool)
    if len(hits):
        chosen = collection[hits]
        found[: len(hits)] = measure_hits(
            scores[hits], moments(scores[scores > 0], len(collection)), typed_IT[chosen], levels_T
        )
        right[: len(hits)] = shown_I[chosen]
    return found, right


def joined(parts: Sequence[Searches]) -> Searches:
    """Put searches of several collections together."""
    return Searches(
        np.concatenate([part.measured_SH4 for part in parts]),
        np.concatenate([part.right_SH for part in parts]),
        np.concatenate([part.present_S for part in parts]),
        np.concatenate([part.thing_S for part in parts]),
    )
