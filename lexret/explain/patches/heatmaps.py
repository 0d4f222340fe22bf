"""Heat maps: the weight of a word in every patch of a picture.

Shapes: P patches = rows x cols of the grid.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from lexret.encoders.protocol import PatchEncoding
from lexret.errors import InputError
from lexret.sparse import FloatArray


def heat_map(encoding: PatchEncoding, word: str) -> FloatArray:
    """Return the weight of a word in every patch.

    Returns:
        (rows, cols) float32; 0 where a patch does not hold the word. The largest value is the
        word's weight in the picture, if the picture holds it.

    Raises:
        InputError: if the word is not in the vocabulary.
    """
    vocabulary = encoding.patches.vocabulary
    term_id = vocabulary.term_id(word)
    if term_id is None:
        near = ", ".join(vocabulary.nearest(word)) or "none"
        raise InputError(
            f"{word!r} is not one of the {len(vocabulary)} words of the vocabulary. "
            f"Words of similar spelling: {near}."
        )
    batch, grid = encoding.patches, encoding.grid
    places = np.flatnonzero(batch.term_ids == term_id)
    heat_P = np.zeros(len(grid), dtype=np.float32)
    heat_P[np.searchsorted(batch.indptr, places, side="right") - 1] = batch.weights[places]
    return heat_P.reshape(grid.num_rows, grid.num_cols)


def upsample(heat: FloatArray, width: int, height: int) -> FloatArray:
    """Resize a heat map to a picture, bilinearly between the centres of the patches.

    Args:
        heat: (rows, cols) float32.
        width: of the picture, in pixels.
        height: of the picture, in pixels.

    Returns:
        (height, width) float32, within the range of ``heat``; flat beyond the outer centres.

    Raises:
        InputError: if the size is not positive or the map does not have two dimensions.
    """
    if heat.ndim != 2 or width < 1 or height < 1:
        raise InputError(
            f"Expected a map of (rows, cols) and a picture of at least 1 x 1 pixel; "
            f"found shape {heat.shape} and {width} x {height}."
        )
    stretched = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.clip(np.asarray(stretched, dtype=np.float32), heat.min(), heat.max())
