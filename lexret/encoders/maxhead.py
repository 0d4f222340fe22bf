"""The vocabulary head: the largest logit of each word over the patches.

Legend: B pictures, P patches, D codebook dimension, V words.

The plain form makes a (B, P, V) tensor: at 81 patches, 20,000 words and 128 pictures 830 MB in
float32, twice that with its gradient. Here a few pictures at a time are multiplied and only the
maxima are kept; backward finds the winning patch again for the words that received a gradient,
which a sparse activation makes few.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

# Pictures whose logits exist at once: 4 x 81 patches x 20,000 words are 26 MB in float32.
_CHUNK = 4


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
        for b in range(len(patches_BPD)):
            words = grad_BV[b].nonzero().squeeze(1)
            if len(words) == 0:
                continue
            patches_PD, vectors_WD = patches_BPD[b], codebook_VD[words]
            scores_PW = patches_PD.to(ctx.precision) @ vectors_WD.to(ctx.precision).t()
            winners_W = scores_PW.argmax(0)
            grad_W1 = grad_BV[b, words].unsqueeze(1)
            grad_patches_BPD[b].index_add_(0, winners_W, grad_W1 * vectors_WD)
            grad_codebook_VD.index_add_(0, words, grad_W1 * patches_PD[winners_W])
        return grad_patches_BPD, grad_codebook_VD, None


def max_over_patches(
    patches_BPD: Tensor, codebook_VD: Tensor, *, precision: torch.dtype = torch.float32
) -> Tensor:
    """Return (B, V) float32: for each word its largest dot product over the patches.

    Differentiable in both arguments; the gradient goes to the winning patch alone, as that of
    ``(patches_BPD @ codebook_VD.T).amax(1)`` does where no two patches tie.

    Args:
        precision: the matrix products' type; ``torch.bfloat16`` is about three times faster on
            processors that have it, at about three decimal digits.
    """
    return cast(Tensor, _MaxOverPatches.apply(patches_BPD, codebook_VD, precision))  # type: ignore[no-untyped-call]
