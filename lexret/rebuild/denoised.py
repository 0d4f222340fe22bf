"""Denoised photos: damaged, and restored by a language model through their cells.

The ways to damage it are those of V2L Tokenizer's public code, in proportion to the photo's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from lexret.errors import InputError
from lexret.rebuild.denoising import Progress, denoise
from lexret.rebuild.denoising_prompts import (
    AS_THE_PAPER,
    FILLING,
    CellPair,
    Cells,
    DenoisingSettings,
    Task,
    mask_of,
    noisy_copies,
    require_task,
)
from lexret.telling.language_model import TokenModel

Pixels = npt.NDArray[np.uint8]
_BLUR: Final = 1.5 / 128
"""Of a Gaussian blur, over the photo's shorter side: the middle of the code's kernels."""
_GREY: Final = 128


class CellCoder(Protocol):
    """Coder that turns photos into cells and cells into pixels."""

    token_ids: npt.NDArray[np.integer[Any]]

    def cells(self, image: Image.Image) -> npt.NDArray[np.integer[Any]]:
        """Return (rows, columns) token ids."""
        ...

    def rebuild(self, words: None = None, cells: Any = None) -> Pixels:
        """Return (height, width, 3) pixels."""
        ...


@dataclass(frozen=True, eq=False)
class DenoisedPhoto:
    """Photo as it was damaged, and as a language model restored its cells.

    Attributes:
        damaged: (height, width, 3) pixels rebuilt from the damaged cells, grey where they are
            missing.
        restored: likewise from the restored cells.
        whole: likewise from those of the photo itself.
        cells: (rows, columns) token ids, restored.
        num_right: how many of the cells that were predicted are those of the photo itself.
        num_predicted: how many cells were predicted.
    """

    damaged: Pixels
    restored: Pixels
    whole: Pixels
    cells: Cells
    num_right: int
    num_predicted: int


def damaged_photo(photo: Image.Image, task: Task) -> tuple[Image.Image, Image.Image]:
    """Return a photo as it is damaged for a task, and what it is to be restored to.

    For inpainting and outpainting only cells are masked: both are the photo itself. It is blurred,
    turned by a quarter to the left, or, as a square, shifted from its middle to its lower right
    end.

    Raises:
        InputError: if a square photo is to be shifted, or there is no such task.
    """
    require_task(task)
    if task == "deblur":
        return photo.filter(ImageFilter.GaussianBlur(_BLUR * min(photo.size))), photo
    if task == "rotate":
        return photo.transpose(Image.Transpose.ROTATE_90), photo
    if task != "shift":
        return photo, photo
    width, height = photo.size
    if width == height:
        raise InputError(
            "A photo is shifted along its longer side; this one is square, and has no other part "
            "to show."
        )
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    middle = photo.crop((left, top, left + side, top + side))
    return photo.crop((width - side, height - side, width, height)), middle


def denoised_photo(
    coder: CellCoder,
    model: TokenModel,
    photo: Image.Image,
    task: Task,
    *,
    others: list[Image.Image] | None = None,
    settings: DenoisingSettings = AS_THE_PAPER,
    seed: int = 0,
    progress: Progress | None = None,
) -> DenoisedPhoto:
    """Damage a photo, and let a language model restore its cells from a few examples.

    Args:
        photo: RGB, upright.
        others: photos that are damaged alike and shown as examples; None: noisy copies of the photo
            itself, as in the paper, which contain most of the answer.

    Raises: InputError: if a photo cannot be damaged in this way, or the model cannot read the
        prompt.
        MismatchError: if the model's vocabulary is smaller than the cells' entries are.
    """
    pair = _pair(coder, photo, task)
    examples = (
        noisy_copies(pair, coder.token_ids, settings=settings, seed=seed)
        if others is None
        else [_pair(coder, other, task) for other in others]
    )
    cells = denoise(
        model, pair.damaged, task, examples, coder.token_ids, settings=settings, progress=progress
    )
    mask = mask_of(task, (pair.whole.shape[0], pair.whole.shape[1]))
    damaged = coder.rebuild(None, pair.damaged)
    if task in FILLING:
        damaged = damaged.copy()
        damaged[_enlarged(mask, damaged.shape[:2])] = _GREY
    right = int((cells == pair.whole)[mask].sum())
    return DenoisedPhoto(
        damaged,
        coder.rebuild(None, cells),
        coder.rebuild(None, pair.whole),
        cells,
        right,
        int(mask.sum()),
    )


def _pair(coder: CellCoder, photo: Image.Image, task: Task) -> CellPair:
    damaged, whole = damaged_photo(photo, task)
    return CellPair(coder.cells(damaged), coder.cells(whole))


def _enlarged(mask: npt.NDArray[np.bool_], size: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return a mask of cells as one of pixels, (height, width)."""
    rows = np.arange(size[0]) * mask.shape[0] // size[0]
    columns = np.arange(size[1]) * mask.shape[1] // size[1]
    return mask[np.ix_(rows, columns)]
