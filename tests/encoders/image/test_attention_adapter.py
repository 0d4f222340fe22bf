"""The adapter: shapes, what it holds, and what order of patches means to it."""

from __future__ import annotations

import pytest
import torch

from lexret.config import ImageConfig
from lexret.encoders.image.attention_adapter import Adapter


def config(width: int | None) -> ImageConfig:
    return ImageConfig(
        backbone="any",
        weights="random",
        image_size=64,
        stride=16,
        feature_dim=12,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        width=width,
        num_heads=2,
        mlp_width=20,
        dropout=0.3,
    )


@pytest.mark.parametrize(("width", "num_weights"), [(None, 12), (8, 8)])
def test_it_holds_matrices_only(width: int | None, num_weights: int) -> None:
    adapter = Adapter(config(width), codebook_dim=6)
    narrow = 0 if width is None else 12 * width
    expected = narrow + 4 * num_weights**2 + num_weights * 20 + 20 * 6
    assert sum(p.numel() for p in adapter.parameters()) == expected
    assert all(p.ndim == 2 for p in adapter.parameters())


def test_every_patch_becomes_a_vector_of_the_codebooks_space() -> None:
    adapter = Adapter(config(8), codebook_dim=6).eval()
    features_BPF = torch.randn(2, 5, 12)
    vectors_BPD = adapter(features_BPF)
    assert vectors_BPD.shape == (2, 5, 6)
    # Attention without positions: patches in another order are vectors in another order.
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(adapter(features_BPF[:, order]), vectors_BPD[:, order])


def test_patches_see_each_other_but_not_other_pictures() -> None:
    adapter = Adapter(config(None), codebook_dim=6).eval()
    features_BPF = torch.randn(2, 5, 12)
    changed_BPF = features_BPF.clone()
    changed_BPF[0, 4] = torch.randn(12)
    before, after = adapter(features_BPF), adapter(changed_BPF)
    assert not torch.allclose(before[0, 0], after[0, 0])
    torch.testing.assert_close(before[1], after[1])


def test_dropout_is_off_in_evaluation() -> None:
    adapter, features_BPF = Adapter(config(8), codebook_dim=6), torch.randn(1, 5, 12)
    assert not torch.equal(adapter(features_BPF), adapter(features_BPF))
    adapter.eval()
    assert torch.equal(adapter(features_BPF), adapter(features_BPF))
