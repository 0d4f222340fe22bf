"""Measure of mixed queries: "this photo" and a word, against either alone.

A query is a photo that shows a thing (such as a dog) and not a scene (such as snow), and the
scene's word. A picture of the index is right if its captions name both the thing and the scene:
like the photo, and snowy. The figure is how many of the first ten are right, over how many could
be; queries have at least three right pictures in the index.

Legend: N pictures, Q queries, n soft tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lexret.captions.caption_set import CaptionSet
from lexret.errors import InputError
from lexret.rebuild.prepared import PreparedPictures
from lexret.sparse import SparseBatch
from lexret.vocabulary import tokenize

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.rebuild.model import RebuildModel

_FIRST: Final = 10
_LEAST_RIGHT: Final = 3
_THINGS: Final[Mapping[str, frozenset[str]]] = {
    "dog": frozenset({"dog", "dogs", "puppy"}),
    "child": frozenset({"child", "children", "boy", "boys", "girl", "girls", "kid", "kids"}),
    "man": frozenset({"man", "men"}),
    "woman": frozenset({"woman", "women"}),
    "bicycle": frozenset({"bicycle", "bike", "biker", "cyclist", "bicyclist"}),
}
_SCENES: Final[Mapping[str, frozenset[str]]] = {
    "snow": frozenset({"snow", "snowy"}),
    "beach": frozenset({"beach", "sand"}),
    "water": frozenset({"water", "lake", "river", "pool", "ocean"}),
    "grass": frozenset({"grass", "grassy", "lawn"}),
    "street": frozenset({"street", "road", "sidewalk"}),
    "rock": frozenset({"rock", "rocks", "cliff"}),
}


@dataclass(frozen=True, eq=False)
class MixedQueries:
    """Queries of a photo and a word.

    Attributes:
        rows: (Q,) the photos.
        words: the word of each query.
        right_QN: True where a picture shows the photo's thing and the word's scene.
    """

    rows: npt.NDArray[np.int64]
    words: tuple[str, ...]
    right_QN: npt.NDArray[np.bool_]


def mixed_queries(captions: CaptionSet, *, most: int = 300, seed: int = 0) -> MixedQueries:
    """Return queries of a set of pictures, at most ``most`` of them, drawn at random."""
    tokens = [
        {token for text in captions.captions(i) for token in tokenize(text)}
        for i in range(len(captions))
    ]
    things = {name: _named(tokens, words) for name, words in _THINGS.items()}
    scenes = {name: _named(tokens, words) for name, words in _SCENES.items()}
    found = []
    for thing_N in things.values():
        for scene, scene_N in scenes.items():
            right_N = thing_N & scene_N
            if right_N.sum() >= _LEAST_RIGHT:
                found += [(row, scene, right_N) for row in np.flatnonzero(thing_N & ~scene_N)]
    order = np.random.default_rng(seed).permutation(len(found))[:most]
    chosen = [found[i] for i in order.tolist()]
    return MixedQueries(
        np.array([row for row, _, _ in chosen], np.int64),
        tuple(scene for _, scene, _ in chosen),
        np.array([right_N for _, _, right_N in chosen]).reshape(len(chosen), len(captions)),
    )


def precision(index: SparseBatch, queries: SparseBatch, asked: MixedQueries) -> float:
    """Return the mean share of right pictures among the first ten, over what was possible, in %.

    The photo itself is no hit.
    """
    scores_QN = (queries.to_scipy() @ index.to_scipy().T).toarray()
    scores_QN[np.arange(len(asked.rows)), asked.rows] = -np.inf
    shares = []
    for scores_N, right_N in zip(scores_QN, asked.right_QN, strict=True):
        first = np.argsort(-scores_N, kind="stable")[:_FIRST]
        first = first[scores_N[first] > 0]
        shares.append(right_N[first].sum() / min(_FIRST, right_N.sum()))
    return 100 * float(np.mean(shares))


def soft_queries(
    model: RebuildModel,
    lexical: LexicalModel,
    pictures: PreparedPictures,
    words: Sequence[str] | None,
    *,
    num_soft: int,
) -> SparseBatch:
    """Return queries of soft tokens, each with a word behind them if there are words."""
    from lexret.rebuild.queries import queries_of_soft_tokens, soft_tokens

    soft_QnH = soft_tokens(model, pictures)[:, :num_soft]
    return queries_of_soft_tokens(model, lexical, soft_QnH, words)


def measure_mixed(
    model: RebuildModel,
    lexical: LexicalModel,
    captions: CaptionSet,
    pictures: PreparedPictures,
    index: SparseBatch,
    *,
    num_soft: int,
) -> dict[str, float]:
    """Return the precision of each kind of query, in percent.

    Sums of unit vectors are what search does with a picture and a word; another photo's soft tokens
    are the control. Texts go through the contextual text encoder, as soft tokens do; by the static
    one, which search takes by default, the word is asked besides.

    Raises:
        InputError: if the captions give no such query, or the model has no soft tokens.
    """
    asked = mixed_queries(captions)
    if not len(asked.rows):
        raise InputError(
            "The captions give no mixed query: expected three pictures or more that name a thing "
            f"({', '.join(_THINGS)}) and a scene ({', '.join(_SCENES)}), and one of the thing."
        )
    photos = pictures.rows(asked.rows)
    others = pictures.rows(asked.rows[np.roll(np.arange(len(asked.rows)), 1)])
    alone = soft_queries(model, lexical, photos, None, num_soft=num_soft)
    word = lexical.contextual_text.encode_queries(list(asked.words))
    stored = SparseBatch.from_vectors([index.row(i) for i in asked.rows.tolist()], index.vocabulary)
    kinds = {
        "soft tokens": alone,
        "word": word,
        "soft tokens, word": soft_queries(model, lexical, photos, asked.words, num_soft=num_soft),
        "another photo's soft tokens, word": soft_queries(
            model, lexical, others, asked.words, num_soft=num_soft
        ),
        "soft tokens' vector and word's added": _added(alone, word),
        "stored words": stored,
        "stored words and word's vector added": _added(stored, word),
    }
    if lexical.has_static_text:
        static = lexical.static_text.encode_queries(list(asked.words))
        kinds["word, static text encoder"] = static
        kinds["stored words and that word's vector added"] = _added(stored, static)
    found = {name: precision(index, queries, asked) for name, queries in kinds.items()}
    return {**found, "queries": float(len(asked.rows))}


def _added(mine: SparseBatch, theirs: SparseBatch) -> SparseBatch:
    total = (mine.normalized().to_scipy() + theirs.normalized().to_scipy()).tocsr()
    total.sort_indices()
    return SparseBatch(
        total.indptr.astype(np.int64),
        total.indices.astype(np.int32),
        total.data.astype(np.float32),
        mine.vocabulary,
    ).normalized()


def _named(tokens: Sequence[set[str]], words: frozenset[str]) -> npt.NDArray[np.bool_]:
    return np.array([bool(own & words) for own in tokens])
