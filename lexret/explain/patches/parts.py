"""Parts of a picture, which are patches of similar words; and the best patches for a text.

Shapes: P patches, W words of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.errors import InputError
from lexret.explain.contributions import Contribution, contribute

if TYPE_CHECKING:
    from lexret.sparse import LexicalVector

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RelevantPatch:
    """Patch that matches a text.

    Attributes:
        place: (row, col).
        score: the dot product of the text and the patch.
        words: the shared words by falling product; the products add up to the score.
    """

    place: Place
    score: float
    words: tuple[Contribution, ...]


def relevant_patches(
    encoding: PatchEncoding, query: LexicalVector, *, num_patches: int = 5
) -> tuple[RelevantPatch, ...]:
    """Return the patches that match a text best, the best first (ties: the lower number).

    Weights of patches are on the picture's scale (:class:`PatchEncoding`), so no patch scores more
    than the picture with all its words.

    Returns:
        fewer than ``num_patches`` if no others share a word with the text.

    Raises:
        MismatchError: if text and picture are of different vocabularies.
        InputError: if ``num_patches`` is less than 1.
    """
    if num_patches < 1:
        raise InputError(f"At least 1 patch must be asked for; found {num_patches}.")
    query.vocabulary.require_same(
        encoding.patches.vocabulary, mine="the query", theirs="the picture"
    )
    scores_P = patch_scores(encoding, query)
    best = np.argsort(-scores_P, kind="stable")[:num_patches].tolist()
    return tuple(
        RelevantPatch(
            encoding.grid.place(patch),
            float(scores_P[patch]),
            contribute(query, encoding.patches.row(patch)),
        )
        for patch in best
        if scores_P[patch] > 0
    )


def patch_scores(encoding: PatchEncoding, query: LexicalVector) -> npt.NDArray[np.float64]:
    """Return the dot product of a text with every patch, (P,) float64."""
    dense_V = np.zeros(len(query.vocabulary), dtype=np.float64)
    dense_V[query.term_ids] = query.weights
    scores_P: npt.NDArray[np.float64] = encoding.patches.to_scipy().astype(np.float64) @ dense_V
    return scores_P


def cut_into_parts(encoding: PatchEncoding, *, num_parts: int = 4) -> tuple[tuple[int, ...], ...]:
    """Cut a picture into connected parts whose patches have similar words.

    Every patch starts as a part. Among the parts that share an edge, those two are merged whose
    union increases the variance within parts the least (Ward 1963, Hierarchical Grouping to
    Optimize an Objective Function, restricted to neighbours), until ``num_parts`` remain. Patches
    are compared by the words that the picture holds, each centred on its mean over the picture,
    because a word that is everywhere does not distinguish parts.

    Returns:
        for each part its patches, rising. Parts come by the falling weight of the picture's words
        that are strongest in them; there are fewer than ``num_parts`` only if there are fewer
        patches.

    Raises:
        InputError: if ``num_parts`` is less than 1.
    """
    if num_parts < 1:
        raise InputError(f"At least 1 part must be asked for; found {num_parts}.")
    columns = encoding.patches.to_scipy()[:, encoding.image.term_ids]
    weights_PW = np.asarray(columns.todense(), dtype=np.float64)
    members = _merge(weights_PW - weights_PW.mean(axis=0), encoding.grid, num_parts)
    weights = encoding.image.weights.astype(np.float64)
    won_P = np.bincount(encoding.winning_patches, weights=weights, minlength=len(encoding.grid))
    members.sort(key=lambda patches: (-float(won_P[patches].sum()), patches[0]))
    return tuple(tuple(patches) for patches in members)


def _merge(centred_PW: npt.NDArray[np.float64], grid: PatchGrid, num_parts: int) -> list[list[int]]:
    members = {patch: [patch] for patch in range(len(grid))}
    means = dict(enumerate(centred_PW))
    costs = {pair: _cost(members, means, *pair) for pair in _edges(grid)}
    while len(members) > num_parts:
        part, other = min(costs, key=lambda pair: (costs[pair], pair))
        sizes = len(members[part]), len(members[other])
        means[part] = (means[part] * sizes[0] + means[other] * sizes[1]) / sum(sizes)
        members[part] = sorted(members[part] + members.pop(other))
        touched = {a if b in (part, other) else b for a, b in costs if {a, b} & {part, other}}
        costs = {pair: cost for pair, cost in costs.items() if not {part, other} & set(pair)}
        for neighbour in touched - {part, other}:
            pair = (min(part, neighbour), max(part, neighbour))
            costs[pair] = _cost(members, means, *pair)
    return list(members.values())


def _cost(
    members: dict[int, list[int]],
    means: dict[int, npt.NDArray[np.float64]],
    part: int,
    other: int,
) -> float:
    """Return how much merging two parts increases the sum of squared distances to the mean."""
    sizes = len(members[part]), len(members[other])
    gap = means[part] - means[other]
    return sizes[0] * sizes[1] / sum(sizes) * float(gap @ gap)


def _edges(grid: PatchGrid) -> list[tuple[int, int]]:
    cols = grid.num_cols
    across = [(patch, patch + 1) for patch in range(len(grid)) if (patch + 1) % cols]
    down = [(patch, patch + cols) for patch in range(len(grid) - cols)]
    return across + down
