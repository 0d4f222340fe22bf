"""Regularised canonical correlation analysis: linear maps that make pairs alike.

Legend: N pairs, X and Y their features' dimensions, D dimensions of the common space.
"""

from __future__ import annotations

import torch
from torch import Tensor


def correlated_maps(
    x_NX: Tensor,
    y_NY: Tensor,
    dim: int,
    *,
    ridge: tuple[float, float],
    power: float,
) -> tuple[Tensor, Tensor]:
    """Return (X, D) and (Y, D) maps of centred features into a common space.

    Both sides are whitened, C_xx^-1/2 C_xy C_yy^-1/2 = U S V', and axis k is scaled by s_k^power:
    axes on which the sides agree more count more (Gong et al., A Multi-View Embedding Space for
    Modeling Internet Images, Tags, and their Semantics, IJCV 2014, section 3).

    Args:
        ridge: what is added to the diagonals of C_xx and C_yy, relative to their mean.

    Raises:
        ValueError: if ``dim`` is more than X or Y.
    """
    most = min(x_NX.shape[1], y_NY.shape[1])
    if dim > most:
        raise ValueError(f"dim is {dim}; the features have only {most} dimensions.")
    num = len(x_NX)
    whiten_XX = _inverse_root(x_NX.t() @ x_NX / num, ridge[0])
    whiten_YY = _inverse_root(y_NY.t() @ y_NY / num, ridge[1])
    cross_XY = whiten_XX @ (x_NX.t() @ y_NY / num) @ whiten_YY
    left_XK, strength_K, right_KY = torch.linalg.svd(cross_XY, full_matrices=False)
    # A pair of singular vectors may change sign together: fix it.
    places_D = left_XK[:, :dim].abs().argmax(0, keepdim=True)
    scale_D = strength_K[:dim].pow(power) * left_XK[:, :dim].gather(0, places_D)[0].sign()
    return whiten_XX @ left_XK[:, :dim] * scale_D, whiten_YY @ right_KY[:dim].t() * scale_D


def _inverse_root(covariance: Tensor, ridge: float) -> Tensor:
    size = len(covariance)
    loaded = covariance + ridge * covariance.diagonal().mean() * torch.eye(size)
    values, vectors = torch.linalg.eigh(loaded)
    result: Tensor = vectors * values.clamp_min(1e-10).rsqrt() @ vectors.t()
    return result
