"""The vocabulary head: the largest logit of each word over the patches.

Legend: B pictures, P patches, D codebook dimension, V words.

The plain form makes a (B, P, V) tensor: at 81 patches, 20,000 words and 128 pictures 830 MB in
float32, twice that with its gradient. Here a few pictures at a time are multiplied and only the
maxima are kept; backward multiplies again, and where a sparse activation left few words with a
gradient, only for those. (Keeping the winners too would cost more here than multiplying again:
finding them makes forward half as slow again; figures in training/RESULTS.md.)

On CUDA :mod:`lexret.encoders.image.max_head_triton` does the same on the chip; this form is its
reference.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal, cast

import torch
from torch import Tensor

HeadKernel = Literal["torch", "triton"]

# Pictures whose logits exist at once: 4 x 81 patches x 20,000 words are 26 MB in float32.
_CHUNK = 4
# Below this share of non-zero gradients it pays to gather the words of each picture.
_SPARSE_SHARE = 0.1


class _MaxOverPatches(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, patches_BPD: Tensor, codebook_VD: Tensor, precision: torch.dtype
    ) -> Tensor:
        codebook_DV = codebook_VD.to(precision).t()
        logits_BV = torch.empty(
            len(patches_BPD), len(codebook_VD), dtype=torch.float32, device=patches_BPD.device
        )
        for start in range(0, len(patches_BPD), _CHUNK):
            chunk = patches_BPD[start : start + _CHUNK].to(precision)
            logits_BV[start : start + _CHUNK] = (chunk @ codebook_DV).amax(1)
        ctx.save_for_backward(patches_BPD, codebook_VD)
        ctx.precision = precision
        return logits_BV

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_BV = grads[0]
        patches_BPD, codebook_VD = ctx.saved_tensors
        grad_patches_BPD = torch.zeros_like(patches_BPD)
        grad_codebook_VD = torch.zeros_like(codebook_VD)
        few = int(grad_BV.count_nonzero()) < _SPARSE_SHARE * grad_BV.numel()
        if few:
            for b in range(len(patches_BPD)):
                words = grad_BV[b].nonzero().squeeze(1)
                grads_PD, grads_WD = _backward_block(
                    patches_BPD[b : b + 1], codebook_VD[words], grad_BV[b : b + 1, words], ctx
                )
                grad_patches_BPD[b] = grads_PD[0]
                grad_codebook_VD.index_add_(0, words, grads_WD.to(grad_codebook_VD.dtype))
            return grad_patches_BPD, grad_codebook_VD, None
        for start in range(0, len(patches_BPD), _CHUNK):
            rows = slice(start, start + _CHUNK)
            grads_CPD, grads_VD = _backward_block(
                patches_BPD[rows], codebook_VD, grad_BV[rows], ctx
            )
            grad_patches_BPD[rows] = grads_CPD
            grad_codebook_VD += grads_VD
        return grad_patches_BPD, grad_codebook_VD, None


def _backward_block(
    patches_CPD: Tensor, vectors_WD: Tensor, grad_CW: Tensor, ctx: Any
) -> tuple[Tensor, Tensor]:
    """Return the gradients of a few pictures' patches (C, P, D) and of W words' vectors (W, D)."""
    patches, vectors = patches_CPD.to(ctx.precision), vectors_WD.to(ctx.precision)
    scores_CPW = patches @ vectors.t()
    wins_CPW = (scores_CPW == scores_CPW.amax(1, keepdim=True)).to(ctx.precision)
    share_CW = grad_CW.to(ctx.precision) / wins_CPW.sum(1)
    grad_scores_CPW = wins_CPW.mul_(share_CW.unsqueeze(1))
    grad_patches = grad_scores_CPW @ vectors
    grad_vectors = grad_scores_CPW.flatten(0, 1).t() @ patches.flatten(0, 1)
    # The second is as large as the codebook: it is added up without a copy in its type.
    return grad_patches.to(patches_CPD.dtype), grad_vectors


def head_kernel(device: torch.device) -> HeadKernel:
    """Return which form :func:`max_over_patches` runs on a device; nothing else chooses.

    ``triton`` on CUDA where that package is importable (PyTorch's builds for Linux bring it),
    else ``torch``. A kernel that fails is an error, not a reason to take the other form.
    """
    return "triton" if device.type == "cuda" and find_spec("triton") is not None else "torch"


def max_over_patches(
    patches_BPD: Tensor, codebook_VD: Tensor, *, precision: torch.dtype = torch.float32
) -> Tensor:
    """Return (B, V) float32: for each word its largest dot product over the patches.

    Differentiable in both arguments, equal to ``(patches_BPD @ codebook_VD.T).amax(1)``: the
    gradient goes to the winning patch alone. Where patches tie, they share it evenly in the
    ``torch`` form (as amax's do), and the first of them gets it in the ``triton`` form.

    Args:
        precision: the matrix products' type; ``torch.bfloat16`` is about three times faster on
            processors that have it, at about three decimal digits.
    """
    if head_kernel(patches_BPD.device) == "triton":
        from lexret.encoders.image import max_head_triton

        return max_head_triton.max_over_patches(patches_BPD, codebook_VD, precision=precision)
    return cast(Tensor, _MaxOverPatches.apply(patches_BPD, codebook_VD, precision))  # type: ignore[no-untyped-call]
