"""Losses over word weights.

Legend: B pairs, V words, s weights (>= 0), L2-normalised where the text says so.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from lexret.config import Penalty


def contrastive(
    images_BV: Tensor,
    texts_BV: Tensor,
    temperature: Tensor,
    owners_B: Tensor,
    *,
    hard_negatives: float = 0.0,
) -> Tensor:
    """Symmetric InfoNCE over normalised vectors (Radford et al., 2021, figure 3).

    Args:
        images_BV, texts_BV: rows of unit length (or zero); row i of both belong together.
        temperature: scalar > 0.
        owners_B: which picture each row is of. Rows of one picture (several of its captions in
            one batch) are positives of each other, sharing the target evenly.
        hard_negatives: how much more the harder negatives weigh; see :func:`_weigh_negatives`.
    """
    logits_BB = images_BV @ texts_BV.t() / temperature
    same_BB = (owners_B.unsqueeze(1) == owners_B.unsqueeze(0)).to(logits_BB.dtype)
    target_BB = same_BB / same_BB.sum(1, keepdim=True)
    back_BB = logits_BB.t()
    if hard_negatives > 0:
        logits_BB = _weigh_negatives(logits_BB, same_BB, hard_negatives)
        back_BB = _weigh_negatives(back_BB, same_BB, hard_negatives)
    return 0.5 * (
        functional.cross_entropy(logits_BB, target_BB)
        + functional.cross_entropy(back_BB, target_BB)
    )


def _weigh_negatives(logits_BB: Tensor, same_BB: Tensor, beta: float) -> Tensor:
    """Multiply each negative's share in the softmax by its hardness, 1 on average over its row.

    HN-NCE (Radenovic et al., Filtering, Distillation, and Hard Negatives for Vision-Language
    Pre-Training, CVPR 2023, section 3.3): negative j of row i weighs
    n_i exp(beta l_ij) / sum_k exp(beta l_ik) over its n_i negatives k. Here the weights are
    constants of the step: no gradient flows through them.
    """
    negative_BB = same_BB == 0
    hardness_BB = (beta * logits_BB.detach()).masked_fill(~negative_BB, float("-inf"))
    num_negatives_B1 = negative_BB.sum(1, keepdim=True)
    log_weights_BB = functional.log_softmax(hardness_BB, dim=1) + num_negatives_B1.log()
    return logits_BB + log_weights_BB.masked_fill(~negative_BB, 0.0)


def distillation(student_BB: Tensor, teacher_BB: Tensor) -> Tensor:
    """Mean divergence KL(teacher || student) between a batch's matches, both ways.

    Rows and columns of logits are turned into distributions over the batch; no gradient flows
    into the teacher (Hinton et al., Distilling the Knowledge in a Neural Network, 2015).
    """
    teacher_BB = teacher_BB.detach()
    pairs = ((student_BB, teacher_BB), (student_BB.t(), teacher_BB.t()))
    losses = [
        functional.kl_div(
            functional.log_softmax(student, 1),
            functional.log_softmax(teacher, 1),
            log_target=True,
            reduction="batchmean",
        )
        for student, teacher in pairs
    ]
    return 0.5 * (losses[0] + losses[1])


def sparsity_penalty(weights_BV: Tensor, penalty: Penalty) -> Tensor:
    """Penalise words by their average activation a_v = mean_i s_iv.

    With s_i of length 1 (``train.penalty_on``) an item's even vector costs 1/sqrt(V) in ``overuse``
    and 1/V in ``flops``, whatever the activation; its one word alone costs 1.

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


def caption_words(logits_NV: Tensor, shares_NV: Tensor, active_NV: Tensor, margin: float) -> Tensor:
    """Ask an item for the words of its picture's captions: logistic loss with soft targets.

    At its optimum sigmoid(logit - margin) is the probability that a caption of the picture holds
    the word, so that a word is active (logit > 0) where that exceeds sigmoid(-margin): 4.7% for a
    margin of 3. The multi-label form of the BoW targets of lexical models. Of the silent words
    only those of the captions take part, which keeps the gradient sparse.

    Args:
        logits_NV: word logits before the activation.
        shares_NV: in which share of the picture's captions each word stands, 0 to 1.
        active_NV: bool, where the item's word is not silent.

    Returns:
        the loss summed over words, averaged over the N items.
    """
    shifted_NV = logits_NV - margin
    loss_NV = shares_NV * functional.softplus(-shifted_NV) + (
        1.0 - shares_NV
    ) * functional.softplus(shifted_NV)
    takes_part_NV = active_NV | (shares_NV > 0)
    return (loss_NV * takes_part_NV).sum(1).mean()
