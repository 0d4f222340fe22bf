"""Losses of rebuilt pictures.

Legend: B pictures, S side, C channels, D codebook dimension.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.config import ImageConfig
from lexret.encoders.image.backbones import create_backbone, fuse_batch_norms
from lexret.errors import InputError

_EARLY = 3


class EarlyLayers(nn.Module):
    """First layers of the frozen image backbone: what a distance of looks is taken in.

    As LPIPS (Zhang et al., 2018, section 3) without its trained weights: at each of three
    resolutions the channels are made a unit vector at every place, and squared differences are
    averaged. The later, dear layers are left out.

    Raises:
        InputError: if the backbone is none whose early layers timm gives.
    """

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        whole = create_backbone(config).state_dict()
        import timm

        try:
            net = timm.create_model(
                config.backbone, pretrained=False, features_only=True, out_indices=range(_EARLY)
            )
            net.load_state_dict({name: whole[name] for name in net.state_dict()})
        except (RuntimeError, TypeError, AttributeError, KeyError) as error:
            raise InputError(
                f"The backbone {config.backbone!r} has no early layers for the perceptual loss; "
                "set loss.perceptual to 0."
            ) from error
        self.net = cast(nn.Module, net).eval().requires_grad_(False)
        fuse_batch_norms(self.net)

    def train(self, mode: bool = True) -> EarlyLayers:
        """Stay in evaluation mode: nothing here is trained."""
        return super().train(False)

    def distance(self, rebuilt_B3SS: Tensor, pixels_B3SS: Tensor) -> Tensor:
        """Return the mean squared distance; pictures are from -1 to 1."""
        with torch.no_grad():
            wanted = self._units(pixels_B3SS)
        found = self._units(rebuilt_B3SS)
        pairs = zip(found, wanted, strict=True)
        parts = [(mine - theirs).square().sum(1).mean() for mine, theirs in pairs]
        return torch.stack(parts).mean()

    def _units(self, pixels_B3SS: Tensor) -> list[Tensor]:
        maps = self.net(pixels_B3SS.contiguous(memory_format=torch.channels_last))
        return [functional.normalize(part.float(), dim=1, eps=1e-4) for part in maps]


class PatchDiscriminator(nn.Module):
    """Discriminator of patches (Isola et al., 2017): one score for each part of a picture."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.GroupNorm(8, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.GroupNorm(8, 4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )

    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, 1, S / 8, S / 8) scores; above 0: taken for a photo."""
        return cast(Tensor, self.net(pixels_B3SS))


def discriminator_loss(real: Tensor, rebuilt: Tensor) -> Tensor:
    """Return the hinge loss of scores (Lim and Ye, 2017), as VQ-GAN takes it."""
    return 0.5 * (functional.relu(1 - real).mean() + functional.relu(1 + rebuilt).mean())


def query_loss(
    vectors_BD: Tensor, dense_BD: Tensor, has_soft_B: Tensor, temperature: float
) -> Tensor:
    """Return how far soft tokens are from being a query for their picture.

    1 - cosine with the picture's vector, and the cross-entropy of finding it among the batch's.

    Args:
        vectors_BD: what the text encoder makes of the soft tokens alone.
        dense_BD: unit vectors of the pictures.
        has_soft_B: pictures without soft tokens do not count.
    """
    count = has_soft_B.sum().clamp_min(1)
    units_BD = functional.normalize(vectors_BD.float(), dim=-1)
    cosines_BB = units_BD @ dense_BD.t()
    rows = torch.arange(len(dense_BD), device=dense_BD.device)
    away_B = 1 - cosines_BB[rows, rows]
    missed_B = functional.cross_entropy(cosines_BB / temperature, rows, reduction="none")
    return ((away_B + missed_B) * has_soft_B).sum() / count
