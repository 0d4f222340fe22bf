"""Pixels of a picture as a backbone sees them: a square."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from lexret.errors import InputError


def square_pixels(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    """Return the (3, side, side) pixels of an RGB picture, resized with antialiasing, not cropped.

    Raises:
        InputError: if the picture is not RGB; lexret does not guess what its values mean.
    """
    if image.mode != "RGB":
        raise InputError(
            f"A picture of mode {image.mode!r} cannot be encoded; expected 'RGB'. Read files "
            "with lexret.pictures.decoding.open_image, or convert it."
        )
    resized = image.resize((side, side), Image.Resampling.BICUBIC)
    return np.array(resized, dtype=np.uint8).transpose(2, 0, 1)
