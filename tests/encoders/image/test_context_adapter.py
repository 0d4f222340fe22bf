"""The context adapter: patches within their picture."""

from __future__ import annotations

import pytest
import torch

from lexret.config import ImageConfig
from lexret.encoders.image.context_adapter import ContextAdapter


def adapter(spread: float) -> ContextAdapter:
    torch.manual_seed(0)
    config = ImageConfig(
        adapter="context",
        spread=spread,
        backbone="any",
        weights="random",
        image_size=64,
        stride=16,
        feature_dim=12,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        mlp_width=20,
    )
    return ContextAdapter(config, codebook_dim=6).eval()


def test_a_linear_adapters_patches_average_to_its_picture() -> None:
    made, features_BPF = adapter(0.3), torch.rand(2, 5, 12)
    patches_BPD, pictures_BD = made.with_picture(features_BPF)
    assert patches_BPD.shape == (2, 5, 6)
    torch.testing.assert_close(patches_BPD.mean(1), pictures_BD)
    assert torch.equal(made(features_BPF), patches_BPD)


def test_spread_is_how_far_a_patch_may_be_from_its_picture() -> None:
    features_BPF = torch.rand(2, 5, 12)
    near, far = (adapter(s).with_picture(features_BPF) for s in (0.2, 0.8))
    torch.testing.assert_close(4 * (near[0] - near[1][:, None]), far[0] - far[1][:, None])


def test_the_picture_is_mapped_from_the_mean_of_standardised_roots() -> None:
    made = adapter(0.5)
    made.mean_F.fill_(0.5)
    made.scale_F.fill_(2.0)
    features_BPF = torch.rand(1, 4, 12) - 0.2
    roots = features_BPF.clamp_min(0).sqrt()
    expected = made.map(((roots - 0.5) / 2.0).mean(1))
    torch.testing.assert_close(made.with_picture(features_BPF)[1], expected)


@pytest.mark.parametrize("asked", [1, 3])
def test_so_many_patches_as_asked_for_come_back_and_the_picture_stays(asked: int) -> None:
    made, features_BPF = adapter(0.5), torch.rand(2, 5, 12)
    every_BPD, picture_BD = made.with_picture(features_BPF)
    some_BPD, again_BD = made.with_picture(features_BPF, asked)
    assert some_BPD.shape == (2, asked, 6)
    torch.testing.assert_close(picture_BD, again_BD)
    distances = (some_BPD[:, :, None] - every_BPD[:, None]).abs().amax(-1)
    assert (distances.amin(-1) < 1e-6).all()  # each is one of the picture's patches
