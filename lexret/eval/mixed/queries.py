"""Mixed queries: "this photo" and a word, with what is right for them by the captions.

A query is a photo that shows a thing (such as a dog) and not a scene (such as snow), and the
scene's word. A picture of the index is right if its captions name both the thing and the scene:
like the photo, and snowy. The figure is how many of the first ten are right, over how many could
be; queries have at least three right pictures in the index.

Legend: N pictures, Q queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.captions.caption_set import CaptionSet
from lexret.errors import InputError
from lexret.vocabulary import tokenize

FIRST: Final = 10
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
    """Return queries of a set of pictures, at most ``most`` of them, drawn at random.

    Raises:
        InputError: if the captions give no such query.
    """
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
    if not found:
        raise InputError(
            "The captions give no mixed query: expected three pictures or more that name a thing "
            f"({', '.join(_THINGS)}) and a scene ({', '.join(_SCENES)}), and one of the thing."
        )
    order = np.random.default_rng(seed).permutation(len(found))[:most]
    chosen = [found[i] for i in order.tolist()]
    return MixedQueries(
        np.array([row for row, _, _ in chosen], np.int64),
        tuple(scene for _, scene, _ in chosen),
        np.array([right_N for _, _, right_N in chosen]).reshape(len(chosen), len(captions)),
    )


def share_right(first: npt.NDArray[np.int64], right_N: npt.NDArray[np.bool_]) -> float:
    """Return how many of the first pictures are right, over how many could be.

    Args:
        first: the pictures that were found, at most ten.
        right_N: True where a picture is right.
    """
    return float(right_N[first].sum() / min(FIRST, right_N.sum()))


def _named(tokens: Sequence[set[str]], words: frozenset[str]) -> npt.NDArray[np.bool_]:
    return np.array([bool(own & words) for own in tokens])
