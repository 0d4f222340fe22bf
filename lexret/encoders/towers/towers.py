"""Two-tower models as lexret sees them: square pictures and texts in, vectors of one space out.

Legend: B items, P patches, S pixels a side, D dimensions of the space both towers share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TowerShape:
    """Shape of what a two-tower model takes and gives.

    Attributes:
        image_size: pictures are squares of so many pixels.
        patches_a_side: patches along each side; 0: it cannot tell patches apart.
        dim: numbers of a vector.
        mean, std: of the three colours, which pixels are standardised by.
    """

    image_size: int
    patches_a_side: int
    dim: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Towers(Protocol):
    """Two-tower model, frozen; implementations are torch modules."""

    @property
    def shape(self) -> TowerShape:
        """What it takes and gives."""
        ...

    @property
    def device(self) -> torch.device:
        """What it computes on."""
        ...

    def to(self, device: torch.device) -> object:
        """Move it to a device."""
        ...

    def encode_pictures(self, inputs_B3SS: Tensor) -> Tensor:
        """Return (B, D) vectors of standardised pictures, not normalised."""
        ...

    def encode_patches(self, inputs_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, D) pictures and (B, P, D) patches, row by row, not normalised."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return (B, D) vectors of texts, not normalised."""
        ...

    def fingerprint(self) -> str:
        """Return a hex digest of the weights."""
        ...


class TowerModule(nn.Module):
    """Base class of the implementations: a frozen network, and the hash of its weights."""

    net: nn.Module

    def train(self, mode: bool = True) -> TowerModule:
        """Stay in evaluation mode."""
        return super().train(False)

    def fingerprint(self) -> str:
        """Return a hex digest of the weights, in the order of their names."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(self.net.state_dict().items()):
            values = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {tuple(values.shape)} {values.dtype}\n".encode())
            digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    @property
    def device(self) -> torch.device:
        """What it computes on."""
        return next(self.net.parameters()).device
