"""Activations that turn logits into word weights; all are increasing, so they commute with max."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lexret.config import Activation
from lexret.encoders.threshold import least_weight


def activate(logits: Tensor, activation: Activation) -> Tensor:
    """Return non-negative weights of the same shape.

    - ``log1p_relu``: log(1 + max(x, 0)), true zeros (SPLADE, Formal et al., SIGIR 2021, eq. 1).
    - ``relu``: max(x, 0), for cuts to the strongest words without a squashed scale.
    - ``elu1p``: elu(x) + 1, never zero (VDR, Zhou et al., ICLR 2024; used by LexVLA).
    """
    if activation == "log1p_relu":
        return torch.log1p(functional.relu(logits))
    if activation == "relu":
        return functional.relu(logits)
    return functional.elu(logits) + 1.0


def normalize(
    weights_NV: Tensor, *, threshold: float = 0.0, always_NV: Tensor | None = None
) -> Tensor:
    """Divide rows by their L2 norm, then zero what is not above ``threshold``; zero rows stay zero.

    LexVLA's threshold is 1/sqrt(V), which leaves nothing of an even vector; see
    :mod:`lexret.encoders.threshold`.

    Args:
        always_NV: where positive, the weight is kept in any case.
    """
    normalized_NV = functional.normalize(weights_NV, dim=-1)
    if threshold > 0:
        kept_NV = normalized_NV > least_weight(threshold)
        if always_NV is not None:
            kept_NV |= always_NV > 0
        normalized_NV = torch.where(kept_NV, normalized_NV, 0.0)
    return normalized_NV
