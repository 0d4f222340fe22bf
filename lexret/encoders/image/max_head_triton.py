"""Triton kernels of the vocabulary head, which :mod:`lexret.encoders.image.max_head` runs on GPUs.

Legend: B pictures, P patches, D codebook dimension, V words; BLOCK_* are tile sizes.

Forward multiplies a tile of patches with a tile of words and keeps of it only each word's maximum
and the patch that reached it, so that nothing of the size patches x words ever leaves the chip.
Backward needs no scores: the winners say where each gradient belongs.

- Patches: a one-hot tile (patch = winner) times the gradient is built on the chip and multiplied
  with the words' vectors.
- Words: each word gathers its winning patch of every picture.

No sum is made with atomic additions: the same input gives the same bits. Where patches tie, the
first of them gets the gradient (the torch form shares it evenly; both are subgradients).
"""

from __future__ import annotations

from typing import Any, cast

import torch
import triton
import triton.language as tl
from torch import Tensor

# Words that the programs of one picture go through before the next picture's: the words' vectors
# of such a group (8 x 128 x 4,096 in bfloat16: 8 MB) then stay in the second-level cache.
_GROUP = 8


@triton.jit  # type: ignore[untyped-decorator]
def _forward_kernel(  # type: ignore[no-untyped-def]
    patches,
    codebook,
    maxima,
    winners,
    num_pictures,
    num_patches,
    num_words,
    dim,
    GROUP: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_V: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """One picture's maxima over all patches for one tile of words."""
    program = tl.program_id(0)
    in_group = program % (GROUP * num_pictures)
    b = (in_group // GROUP).to(tl.int64)
    tile = program // (GROUP * num_pictures) * GROUP + in_group % GROUP
    words = tile * BLOCK_V + tl.arange(0, BLOCK_V)
    word_ok = words < num_words
    best = tl.full((BLOCK_V,), float("-inf"), tl.float32)
    best_patch = tl.zeros((BLOCK_V,), tl.int32)
    for first in range(0, num_patches, BLOCK_P):
        places = first + tl.arange(0, BLOCK_P)
        scores = tl.zeros((BLOCK_P, BLOCK_V), tl.float32)
        for start in range(0, dim, BLOCK_D):
            d = start + tl.arange(0, BLOCK_D)
            x = tl.load(
                patches + (b * num_patches + places[:, None]) * dim + d[None, :],
                mask=(places[:, None] < num_patches) & (d[None, :] < dim),
                other=0.0,
            )
            w = tl.load(
                codebook + words[None, :].to(tl.int64) * dim + d[:, None],
                mask=word_ok[None, :] & (d[:, None] < dim),
                other=0.0,
            )
            scores = tl.dot(x, w, scores, input_precision="ieee")
        # Comparisons would lose a NaN; as infinity it reaches the loss, which is checked.
        scores = tl.where(scores == scores, scores, float("inf"))
        scores = tl.where(places[:, None] < num_patches, scores, float("-inf"))
        tile_best, tile_patch = tl.max(scores, axis=0, return_indices=True)
        better = tile_best > best
        best = tl.where(better, tile_best, best)
        best_patch = tl.where(better, first + tile_patch, best_patch)
    tl.store(maxima + b * num_words + words, best, mask=word_ok)
    tl.store(winners + b * num_words + words, best_patch, mask=word_ok)


@triton.jit  # type: ignore[untyped-decorator]
def _patches_kernel(  # type: ignore[no-untyped-def]
    grads,
    winners,
    codebook,
    grad_patches,
    num_patches,
    num_words,
    dim,
    BLOCK_P: tl.constexpr,
    BLOCK_V: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """The gradient of a tile of one picture's patches, (BLOCK_P, BLOCK_D)."""
    b = tl.program_id(2).to(tl.int64)
    places = tl.program_id(1) * BLOCK_P + tl.arange(0, BLOCK_P)
    d = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    total = tl.zeros((BLOCK_P, BLOCK_D), tl.float32)
    for start in range(0, num_words, BLOCK_V):
        words = start + tl.arange(0, BLOCK_V)
        word_ok = words < num_words
        winner = tl.load(winners + b * num_words + words, mask=word_ok, other=-1)
        grad = tl.load(grads + b * num_words + words, mask=word_ok, other=0.0)
        w = tl.load(
            codebook + words[:, None].to(tl.int64) * dim + d[None, :],
            mask=word_ok[:, None] & (d[None, :] < dim),
            other=0.0,
        )
        share = tl.where(places[:, None] == winner[None, :], grad[None, :], 0.0).to(w.dtype)
        total = tl.dot(share, w, total, input_precision="ieee")
    tl.store(
        grad_patches + (b * num_patches + places[:, None]) * dim + d[None, :],
        total,
        mask=(places[:, None] < num_patches) & (d[None, :] < dim),
    )


@triton.jit  # type: ignore[untyped-decorator]
def _words_kernel(  # type: ignore[no-untyped-def]
    grads,
    winners,
    patches,
    grad_codebook,
    num_pictures,
    num_patches,
    num_words,
    dim,
    BLOCK_V: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """The gradient of a tile of words' vectors, (BLOCK_V, BLOCK_D); silent words read nothing."""
    words = tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    d = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    word_ok = words < num_words
    total = tl.zeros((BLOCK_V, BLOCK_D), tl.float32)
    row = words.to(tl.int64)
    for b in range(0, num_pictures):
        winner = tl.load(winners + row, mask=word_ok, other=0)
        grad = tl.load(grads + row, mask=word_ok, other=0.0)
        place = winner.to(tl.int64) + b * num_patches
        x = tl.load(
            patches + place[:, None] * dim + d[None, :],
            mask=(word_ok & (grad != 0.0))[:, None] & (d[None, :] < dim),
            other=0.0,
        )
        total += grad[:, None] * x.to(tl.float32)
        row += num_words
    tl.store(
        grad_codebook + words[:, None].to(tl.int64) * dim + d[None, :],
        total,
        mask=word_ok[:, None] & (d[None, :] < dim),
    )


def _forward(patches_BPD: Tensor, codebook_VD: Tensor) -> tuple[Tensor, Tensor]:
    """Return (B, V) float32 maxima and (B, V) int32 winning patches of contiguous inputs."""
    (b, p, d), v = patches_BPD.shape, len(codebook_VD)
    maxima_BV = torch.empty(b, v, dtype=torch.float32, device=patches_BPD.device)
    winners_BV = torch.empty(b, v, dtype=torch.int32, device=patches_BPD.device)
    exact = patches_BPD.dtype == torch.float32
    block_p = min(128, max(16, triton.next_power_of_2(p)))
    block_v, block_d = (64, 32) if exact else (128, 64)
    num_groups = triton.cdiv(triton.cdiv(v, block_v), _GROUP)
    _forward_kernel[(num_groups * _GROUP * b,)](
        *(patches_BPD, codebook_VD, maxima_BV, winners_BV),
        *(b, p, v, d, _GROUP, block_p, block_v, block_d),
        num_warps=8 if block_p * block_v > 8192 else 4,
    )
    return maxima_BV, winners_BV


def _backward(
    grads_BV: Tensor, winners_BV: Tensor, patches_BPD: Tensor, codebook_VD: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the float32 gradients (B, P, D) of the patches and (V, D) of the words' vectors."""
    (b, p, d), v = patches_BPD.shape, len(codebook_VD)
    grad_patches_BPD = torch.empty(b, p, d, dtype=torch.float32, device=patches_BPD.device)
    grad_codebook_VD = torch.empty(v, d, dtype=torch.float32, device=patches_BPD.device)
    exact = patches_BPD.dtype == torch.float32
    block_p = min(128, max(16, triton.next_power_of_2(p)))
    _patches_kernel[(triton.cdiv(d, 64), triton.cdiv(p, block_p), b)](
        *(grads_BV, winners_BV, codebook_VD, grad_patches_BPD),
        *(p, v, d, block_p, 32 if exact else 64, 64),
        num_warps=4,
    )
    _words_kernel[(triton.cdiv(d, 128), triton.cdiv(v, 32))](
        *(grads_BV, winners_BV, patches_BPD, grad_codebook_VD),
        *(b, p, v, d, 32, 128),
        num_warps=4,
    )
    return grad_patches_BPD, grad_codebook_VD


class _MaxOverPatches(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, patches_BPD: Tensor, codebook_VD: Tensor, precision: torch.dtype
    ) -> Tensor:
        patches = patches_BPD.to(precision).contiguous()
        codebook = codebook_VD.to(precision).contiguous()
        with torch.cuda.device_of(patches):
            maxima_BV, winners_BV = _forward(patches, codebook)
        ctx.save_for_backward(patches, codebook, winners_BV)
        ctx.dtypes = patches_BPD.dtype, codebook_VD.dtype
        return maxima_BV

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        patches, codebook, winners_BV = ctx.saved_tensors
        with torch.cuda.device_of(patches):
            grad_patches_BPD, grad_codebook_VD = _backward(
                grads[0].float().contiguous(), winners_BV, patches, codebook
            )
        of_patches, of_codebook = ctx.dtypes
        return grad_patches_BPD.to(of_patches), grad_codebook_VD.to(of_codebook), None


def max_over_patches(
    patches_BPD: Tensor, codebook_VD: Tensor, *, precision: torch.dtype = torch.float32
) -> Tensor:
    """Return (B, V) float32; see :func:`lexret.encoders.image.max_head.max_over_patches`.

    Products are summed in float32 at either precision (no TF32), and the winners are found before
    any rounding.
    """
    return cast(Tensor, _MaxOverPatches.apply(patches_BPD, codebook_VD, precision))  # type: ignore[no-untyped-call]
