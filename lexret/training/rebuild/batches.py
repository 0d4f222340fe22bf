"""Batches of prepared pictures: every choice is a function of the run's seed and the step.

Legend: B pictures, S side in pixels, R fields of coarse features, F their size, D codebook
dimension, K words, T tokens of a caption.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lexret.config.rebuild import RebuildConfig
from lexret.errors import InputError
from lexret.rebuild.prepared import FIELDS, PreparedPictures
from lexret.training.random_draws import Stream, generator


@dataclass(frozen=True, eq=False)
class RebuildBatch:
    """Batch of pictures, and what of their tokens is kept.

    Attributes:
        pixels_B3SS: float32 from -1 to 1.
        coarse_BRF: float32 coarse features of the image backbone.
        dense_BD: float32 unit vectors of the pictures.
        word_ids_BK, word_weights_BK: the strongest words; weight 0 where there is none.
        text_ids_BT: tokens of one caption each; -1 behind the end, and everywhere where the text is
            left out.
        has_cells_B: False: the decoder does not see the cells.
        num_soft_B: how many soft tokens are kept.
    """

    pixels_B3SS: Tensor
    coarse_BRF: Tensor
    dense_BD: Tensor
    word_ids_BK: Tensor
    word_weights_BK: Tensor
    text_ids_BT: Tensor
    has_cells_B: Tensor
    num_soft_B: Tensor

    def to(self, device: torch.device) -> RebuildBatch:
        """Return the batch on a device."""
        tensors = (getattr(self, part.name).to(device) for part in fields(self))
        return RebuildBatch(*tensors)


def batch_rows(step: int, num_pictures: int, size: int, seed: int) -> npt.NDArray[np.int64]:
    """Return (B,) the pictures of a step: passes in random order, each picture once a pass.

    A step never spans two passes; what is left at the end of one is left out.

    Raises:
        InputError: if there are fewer pictures than a batch holds.
    """
    per_pass = num_pictures // size
    if per_pass == 0:
        raise InputError(
            f"There are {num_pictures} pictures to train on, fewer than train.batch_size = {size}."
        )
    passes, place = divmod(step, per_pass)
    order = generator(Stream.REBUILT_ORDER, seed, passes).permutation(num_pictures)
    return order[place * size : (place + 1) * size]


def training_batch(pictures: PreparedPictures, config: RebuildConfig, step: int) -> RebuildBatch:
    """Return the batch of a step."""
    train, network = config.train, config.network
    rows = batch_rows(step, len(pictures), train.batch_size, train.seed)
    draw = generator(Stream.REBUILT_BATCH, train.seed, step)
    flipped_B = draw.random(len(rows)) < 0.5 * train.flip
    budget = int(draw.choice(network.words.budgets))
    has_words_B = draw.random(len(rows)) >= network.words.drop
    has_cells_B = draw.random(len(rows)) >= network.cells.drop
    has_soft_B = draw.random(len(rows)) >= network.soft.drop
    has_text_B = draw.random(len(rows)) >= train.text_drop
    most_soft = network.soft.num_tokens
    # A network without soft tokens draws as one with a single one.
    kept_B = draw.integers(1, max(most_soft, 1) + 1, len(rows))
    caption = int(draw.integers(pictures.text_ids.shape[1]))
    if not (network.soft.tail_drop and most_soft):
        kept_B[:] = most_soft
    chosen = pictures.rows(rows)
    pixels = np.where(flipped_B[:, None, None, None], chosen.pixels[:, :, ::-1], chosen.pixels)
    weights_BK = chosen.word_weights[:, :budget] * has_words_B[:, None]
    if not network.words.use:
        weights_BK = weights_BK[:, :0]
    text_ids_BT = np.where(has_text_B[:, None], chosen.text_ids[:, caption], -1)
    return made_batch(
        pixels,
        _mirrored_fields(chosen.coarse, flipped_B),
        chosen.dense,
        chosen.word_ids[:, : weights_BK.shape[1]],
        weights_BK,
        text_ids_BT,
        has_cells_B,
        kept_B * has_soft_B,
    )


def made_batch(
    pixels: npt.NDArray[np.uint8],
    coarse: npt.NDArray[Any],
    dense: npt.NDArray[Any],
    word_ids: npt.NDArray[np.int32],
    word_weights: npt.NDArray[Any],
    text_ids: npt.NDArray[np.int32],
    has_cells: npt.NDArray[np.bool_],
    num_soft: npt.NDArray[np.int64],
) -> RebuildBatch:
    """Turn arrays of prepared pictures into tensors; word ids of -1 weigh nothing."""
    pixels_BSS3 = torch.from_numpy(np.ascontiguousarray(pixels))
    weights_BK = torch.from_numpy(np.where(word_ids >= 0, word_weights, 0).astype(np.float32))
    return RebuildBatch(
        pixels_BSS3.permute(0, 3, 1, 2).float() / 127.5 - 1.0,
        torch.from_numpy(np.asarray(coarse, np.float32)),
        torch.from_numpy(np.asarray(dense, np.float32)),
        torch.from_numpy(np.maximum(word_ids, 0).astype(np.int64)),
        weights_BK,
        torch.from_numpy(text_ids.astype(np.int64)),
        torch.from_numpy(np.asarray(has_cells)),
        torch.from_numpy(np.asarray(num_soft, np.int64)),
    )


def _mirrored_fields(
    coarse_BRF: npt.NDArray[Any], flipped_B: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    grid = coarse_BRF.reshape(len(coarse_BRF), FIELDS, FIELDS, -1)
    mirrored = np.where(flipped_B[:, None, None, None], grid[:, :, ::-1], grid)
    return mirrored.reshape(coarse_BRF.shape)
