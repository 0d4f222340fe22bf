"""Cosine scale: the length that vectors have, so that logits are so many times a cosine."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def scaled(vectors: Tensor, cosine_scale: float | None) -> Tensor:
    """Give vectors (last dimension) the length ``cosine_scale``, or leave them as they are."""
    return vectors if cosine_scale is None else functional.normalize(vectors, dim=-1) * cosine_scale
