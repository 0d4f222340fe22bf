"""Regions of a picture, as sets of patches, and the words of a region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.errors import InputError
from lexret.sparse import LexicalVector

Box = tuple[float, float, float, float]
RegionKind = Literal["telling", "patch", "box", "mask", "part"]


@dataclass(frozen=True, slots=True)
class Region:
    """Region of a picture.

    Attributes:
        kind: chosen by :func:`telling_patches`; a patch, box or mask that was asked for; or a part
            that :func:`lexret.explain.patches.parts.cut_into_parts` cut the picture into.
        box: (x0, y0, x1, y1) in pixels of the upright picture; the bounding box of a mask or part.
        patches: the numbers of its patches, rising, at least one.
    """

    kind: RegionKind
    box: Box
    patches: tuple[int, ...]


def telling_patches(encoding: PatchEncoding, *, num_patches: int = 4) -> tuple[int, ...]:
    """Return the most informative patches of a picture.

    The score of a patch is the total weight of the picture's words that are strongest in it.
    Patches are taken by falling score (ties: the lower number); a patch that touches a taken one by
    an edge or a corner is skipped, so that the patches spread over the picture.

    Returns:
        patch numbers in the order taken; fewer than ``num_patches`` if no others score.

    Raises:
        InputError: if ``num_patches`` is less than 1.
    """
    if num_patches < 1:
        raise InputError(f"At least 1 patch must be asked for; found {num_patches}.")
    grid = encoding.grid
    weights = encoding.image.weights.astype(np.float64)
    scores_P = np.bincount(encoding.winning_patches, weights=weights, minlength=len(grid))
    taken: list[int] = []
    for patch in np.argsort(-scores_P, kind="stable").tolist():
        if len(taken) == num_patches or scores_P[patch] <= 0:
            break
        if not any(_touch(grid, patch, other) for other in taken):
            taken.append(patch)
    return tuple(taken)


def patch_number(grid: PatchGrid, row: int, col: int) -> int:
    """Return the number of the patch at (row, col), both from 0.

    Raises:
        InputError: if the grid has no such patch; the message states the legal range.
    """
    if not (0 <= row < grid.num_rows and 0 <= col < grid.num_cols):
        raise InputError(
            f"There is no patch {row},{col}: the model cuts this picture into {grid.num_rows} "
            f"rows and {grid.num_cols} columns; give a row from 0 to {grid.num_rows - 1} and a "
            f"column from 0 to {grid.num_cols - 1}."
        )
    return row * grid.num_cols + col


def patches_in_box(grid: PatchGrid, box: Box, width: int, height: int) -> tuple[int, ...]:
    """Return the patches whose centres are in a box.

    A box too small to hold a centre means the one patch under the box's centre.

    Args:
        box: (x0, y0, x1, y1) in pixels of the upright picture; x1 and y1 are past the end.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Raises:
        InputError: if the box is empty or extends beyond the picture.
    """
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InputError(
            f"The box {x0:g},{y0:g},{x1:g},{y1:g} does not fit: the picture is {width} x {height} "
            f"pixels; expected x0,y0,x1,y1 with 0 <= x0 < x1 <= {width} and "
            f"0 <= y0 < y1 <= {height}."
        )
    centres_x = (np.arange(grid.num_cols) + 0.5) * width / grid.num_cols
    centres_y = (np.arange(grid.num_rows) + 0.5) * height / grid.num_rows
    cols = np.flatnonzero((centres_x >= x0) & (centres_x < x1))
    rows = np.flatnonzero((centres_y >= y0) & (centres_y < y1))
    if not len(cols):
        cols = np.array([int((x0 + x1) / 2 * grid.num_cols / width)])
    if not len(rows):
        rows = np.array([int((y0 + y1) / 2 * grid.num_rows / height)])
    return tuple((rows[:, None] * grid.num_cols + cols[None, :]).ravel().tolist())


def patches_in_mask(grid: PatchGrid, mask: Image.Image) -> tuple[int, ...]:
    """Return the patches of which a mask covers half or more.

    A mask too small for that means the one patch that it covers most.

    Args:
        mask: of the upright picture's shape, in any size; what is not black is in the region.

    Raises:
        InputError: if all of it is black.
    """
    chosen = np.asarray(mask.convert("L")) > 0
    if not chosen.any():
        raise InputError(
            f"The mask of {mask.width} x {mask.height} pixels is all black; expected the part to "
            "look at in white."
        )
    white = Image.fromarray(chosen.astype(np.float32))
    shares_RC = white.resize((grid.num_cols, grid.num_rows), Image.Resampling.BOX)
    shares_P = np.asarray(shares_RC, dtype=np.float32).ravel()
    patches = np.flatnonzero(shares_P >= 0.5)
    return tuple(patches.tolist()) or (int(np.argmax(shares_P)),)


def check_mask_shape(mask: Image.Image, width: int, height: int) -> None:
    """Raise InputError if a mask does not have the shape of a picture; its size does not matter."""
    # Rounding to whole pixels changes a shape a little, a smaller copy more than the picture.
    if abs(mask.width * height - mask.height * width) > max(*mask.size, width, height):
        raise InputError(
            f"A mask has {mask.width} x {mask.height} pixels, the picture {width} x {height}; "
            "expected the same shape."
        )


def check_regions(
    grid: PatchGrid,
    size: tuple[int, int],
    *,
    patches: Sequence[tuple[int, int]] = (),
    boxes: Sequence[Box] = (),
    masks: Sequence[Image.Image] = (),
) -> None:
    """Raise InputError if a region that was asked for is not within a picture; needs no model.

    Args:
        grid: the model's grid of patches.
        size: (width, height) of the picture.
    """
    for row, col in patches:
        patch_number(grid, row, col)
    for box in boxes:
        patches_in_box(grid, box, *size)
    for mask in masks:
        check_mask_shape(mask, *size)
        patches_in_mask(grid, mask)


def box_around(grid: PatchGrid, patches: Sequence[int], width: int, height: int) -> Box:
    """Return the smallest rectangle that holds some patches, in pixels of the picture."""
    corners = np.array([grid.box(patch, width, height) for patch in patches])
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def vector_of(encoding: PatchEncoding, patches: Sequence[int]) -> LexicalVector:
    """Return the vector of a set of patches: the maximum of each word over them.

    This is how the picture's vector is pooled, over fewer patches. Weights stay on the picture's
    scale, so all patches together give every word of the picture its weight there.

    Raises:
        InputError: if no patch is given.
    """
    if not patches:
        raise InputError("A region needs at least one patch; none was given.")
    rows = [encoding.patches.row(patch) for patch in patches]
    term_ids = np.concatenate([row.term_ids for row in rows])
    weights = np.concatenate([row.weights for row in rows])
    order = np.lexsort((weights, term_ids))
    term_ids, weights = term_ids[order], weights[order]
    last = np.ones(len(term_ids), dtype=bool)
    last[:-1] = term_ids[1:] != term_ids[:-1]
    return LexicalVector(term_ids[last], weights[last], encoding.patches.vocabulary)


def _touch(grid: PatchGrid, patch: int, other: int) -> bool:
    (row, col), (other_row, other_col) = grid.place(patch), grid.place(other)
    return abs(row - other_row) <= 1 and abs(col - other_col) <= 1
