"""Losses over word weights.

Legend: B pairs, V words, s weights (>= 0), L2-normalised where the text says so.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lexret.config import Penalty


def contrastive(
    images_BV: Tensor, texts_BV: Tensor, temperature: Tensor, owners_B: Tensor
) -> Tensor:
    """Symmetric InfoNCE over normalised vectors (Radford et al., 2021, figure 3).

    Args:
        images_BV, texts_BV: rows of unit length (or zero); row i of both belong together.
        temperature: scalar > 0.
        owners_B: which picture each row is of. Rows of one picture (several of its captions in
            one batch) are positives of each other, sharing the target evenly.
    """
    logits_BB = images_BV @ texts_BV.t() / temperature
    same_BB = (owners_B.unsqueeze(1) == owners_B.unsqueeze(0)).to(logits_BB.dtype)
    target_BB = same_BB / same_BB.sum(1, keepdim=True)
    return 0.5 * (
        functional.cross_entropy(logits_BB, target_BB)
        + functional.cross_entropy(logits_BB.t(), target_BB)
    )


def sparsity_penalty(weights_BV: Tensor, penalty: Penalty) -> Tensor:
    """Penalise words by their average activation a_v = mean_i s_iv.

    - ``overuse``: sum_v p_v a_v with p_v = a_v / sum_u a_u (LexVLA's overuse penalty, read as
      the normalised average weighing the average).
    - ``overuse_v``: V sum_v p_v^2 (the other reading: scale-free, 1 when all are used alike).
    - ``flops``: sum_v a_v^2 (Paria et al., ICLR 2020).
    - ``none``: zero.
    """
    if penalty == "none":
        return weights_BV.new_zeros(())
    average_V = weights_BV.mean(0)
    if penalty == "flops":
        return average_V.square().sum()
    share_V = average_V / average_V.sum().clamp_min(1e-12)
    if penalty == "overuse":
        return (share_V * average_V).sum()
    return weights_BV.shape[1] * share_V.square().sum()


def caption_words(logits_BV: Tensor, targets_BV: Tensor, active_BV: Tensor) -> Tensor:
    """Ask a picture for the words of its captions: softmax cross-entropy against their shares.

    A multi-label loss in the manner of Joulin et al. (ECCV 2016, section 3.2) and of the BoW
    targets of lexical models. Of the words that are silent only the targets take part, which keeps
    the gradient sparse. Rows without any target count nothing.

    Args:
        logits_BV: a picture's word logits before the activation.
        targets_BV: >= 0, such as in how many of the captions the word stands.
        active_BV: bool, where the picture's word is not silent.
    """
    total_B1 = targets_BV.sum(1, keepdim=True)
    share_BV = targets_BV / total_B1.clamp_min(1e-12)
    takes_part_BV = active_BV | (targets_BV > 0)
    log_share_BV = torch.log_softmax(logits_BV.masked_fill(~takes_part_BV, -1e4), dim=1)
    loss_B = -(share_BV * log_share_BV).sum(1)
    has_target_B = (total_B1.squeeze(1) > 0).to(loss_B.dtype)
    return (loss_B * has_target_B).sum() / has_target_B.sum().clamp_min(1.0)
