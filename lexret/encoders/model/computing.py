"""Helpers of the encoders' computation: chunks, precision, unit vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lexret.arguments import require_several
from lexret.sparse import Precision

T = TypeVar("T")


def lowered(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Context that computes in a precision on a device; float32 changes nothing."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def in_chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return the items, at most ``size`` at a time."""
    require_several(items, "items to encode")
    return (items[start : start + size] for start in range(0, len(items), size))


def unit_rows(rows: Sequence[Tensor], dimension: int) -> npt.NDArray[np.float32]:
    """Stack rows of vectors and give each the length 1."""
    stacked = torch.cat([torch.empty(0, dimension), *rows])
    unit: npt.NDArray[np.float32] = functional.normalize(stacked, dim=-1).numpy()
    return unit
