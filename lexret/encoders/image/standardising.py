"""Standardisation of pixels: each colour with the mean and deviation of the network's training."""

from __future__ import annotations

import torch
from torch import Tensor


def standardised(
    pixels_B3SS: Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Tensor:
    """Return float32 pixels with each colour's mean subtracted, divided by its deviation."""
    mean_131 = torch.tensor(mean, device=pixels_B3SS.device).view(3, 1, 1)
    std_131 = torch.tensor(std, device=pixels_B3SS.device).view(3, 1, 1)
    return (pixels_B3SS.float().div(255.0) - mean_131) / std_131
