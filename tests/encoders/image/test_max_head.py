"""max_over_patches against the plain form, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lexret.encoders.image.max_head import max_over_patches


def plain(patches_BPD: Tensor, codebook_VD: Tensor) -> Tensor:
    return (patches_BPD @ codebook_VD.t()).amax(1)


def inputs(num_pictures: int = 6, *, integers: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = ((num_pictures, 5, 8), (40, 8))
    if integers:  # few different values: many patches tie, and every product is exact
        made = [torch.randint(-1, 2, shape, generator=generator).float() for shape in shapes]
    else:
        made = [torch.randn(shape, generator=generator) for shape in shapes]
    return made[0].requires_grad_(), made[1].requires_grad_()


def gradients(form: object, patches: Tensor, codebook: Tensor, grad_BV: Tensor) -> list[Tensor]:
    logits_BV = form(patches, codebook)  # type: ignore[operator]
    return list(torch.autograd.grad(logits_BV, [patches, codebook], grad_BV))


def upstream(num_pictures: int, share: float) -> Tensor:
    """A gradient of which only this share is not zero; the first picture has none."""
    generator = torch.Generator().manual_seed(4)
    grad_BV = torch.randn(num_pictures, 40, generator=generator)
    grad_BV *= torch.rand(num_pictures, 40, generator=generator) < share
    grad_BV[0] = 0
    return grad_BV


def test_a_case_by_hand() -> None:
    patches_BPD = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    codebook_VD = torch.tensor([[3.0, 1.0], [-1.0, -1.0], [0.0, 5.0]])
    assert max_over_patches(patches_BPD, codebook_VD).tolist() == [[3.0, -1.0, 10.0]]


@pytest.mark.parametrize("num_pictures", [1, 4, 6])
def test_the_maxima_are_those_of_the_plain_form(num_pictures: int) -> None:
    patches_BPD, codebook_VD = inputs(num_pictures)
    found_BV = max_over_patches(patches_BPD, codebook_VD)
    assert found_BV.dtype == torch.float32
    torch.testing.assert_close(found_BV, plain(patches_BPD, codebook_VD))


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_the_gradients_are_those_of_the_plain_form(share: float) -> None:
    patches_BPD, codebook_VD = inputs()
    grad_BV = upstream(6, share)
    found = gradients(max_over_patches, patches_BPD, codebook_VD, grad_BV)
    expected = gradients(plain, patches_BPD, codebook_VD, grad_BV)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("share", [0.03, 1.0])
def test_patches_that_tie_share_the_gradient_evenly(share: float) -> None:
    patches_BPD, codebook_VD = inputs(integers=True)
    grad_BV = upstream(6, share)
    found = gradients(max_over_patches, patches_BPD, codebook_VD, grad_BV)
    expected = gradients(plain, patches_BPD, codebook_VD, grad_BV)
    torch.testing.assert_close(found, expected)


def test_only_the_winning_patch_gets_a_gradient() -> None:
    patches_BPD = torch.tensor([[[1.0], [3.0], [2.0]]], requires_grad=True)
    codebook_VD = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    max_over_patches(patches_BPD, codebook_VD).backward(torch.tensor([[1.0, 10.0]]))
    assert patches_BPD.grad is not None and codebook_VD.grad is not None
    assert patches_BPD.grad.flatten().tolist() == [-10.0, 1.0, 0.0]
    assert codebook_VD.grad.flatten().tolist() == [3.0, 10.0]


def test_bfloat16_is_near_and_its_gradients_point_the_same_way() -> None:
    patches_BPD, codebook_VD = inputs()

    def rough(patches: Tensor, codebook: Tensor) -> Tensor:
        return max_over_patches(patches, codebook, precision=torch.bfloat16)

    found_BV = rough(patches_BPD, codebook_VD)
    assert found_BV.dtype == torch.float32
    torch.testing.assert_close(found_BV, plain(patches_BPD, codebook_VD), rtol=0.02, atol=0.05)
    for share in (0.03, 1.0):
        grad_BV = upstream(6, share)
        expected = gradients(plain, patches_BPD, codebook_VD, grad_BV)
        for mine, theirs in zip(
            gradients(rough, patches_BPD, codebook_VD, grad_BV), expected, strict=True
        ):
            assert mine.dtype == torch.float32
            cosine = torch.nn.functional.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0)
            assert cosine > 0.99
