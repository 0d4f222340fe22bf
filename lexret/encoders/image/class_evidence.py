"""Class evidence: words that the frozen backbone's classifier gives each patch.

Captions describe whole pictures and name few things, so that training tells a patch of the pizza
from one of the table only where captions do. The classifier that the backbone came with knows its
classes at single patches too (class activation maps: Zhou et al., CVPR 2016); a table says which
words stand for each class. None of this is trained: the words are those of the classes' names and
of the text side's vectors for them.

Legend: B pictures, P patches, F features, C classes, K words a class, N = C * K, W words of the
table, V words of the vocabulary, D codebook dimension.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lexret.encoders.image.class_head import ClassHead
from lexret.encoders.image.evidence_numbers import (
    CONTEXT,
    ENOUGH,
    LEAST,
    MARGIN,
    SURE,
    WORDS_A_CLASS,
)


class ClassEvidence(nn.Module):
    """Module that raises the words of patches by class evidence and holds back denied ones.

    With p the classes' softmax at a patch and t the table, word w has the evidence
    e_w = min(1, sum_c p_c t_cw), from which a little is cut off. Read as a probability it has the
    logit log(e_w / (1 - e_w)), and what a learnt word of that probability would weigh is
    log(1 + max(0, logit + 3)): training makes a word active above sigmoid(-3). The word's weight
    a_w at the patch becomes a_w + share log(1 + max(0, logit + 3)); where w is the name of a class
    and captions hardly use it, so that little of a_w was learnt, a_w counts only as far as there is
    evidence.

    Args:
        share: the weight of the evidence.

    Attributes:
        names: of each class, at least one.
    """

    weights_FC: Tensor
    bias_C: Tensor
    words_N: Tensor
    table_N: Tensor
    rare_N: Tensor

    def __init__(self, head: ClassHead, share: float) -> None:
        super().__init__()
        self.share, self.names = share, head.names
        weights_CF = torch.tensor(head.weights_CF).float()
        self.register_buffer("weights_FC", weights_CF.t(), persistent=False)
        self.register_buffer("bias_C", torch.tensor(head.bias_C).float(), persistent=False)
        num_entries = len(head.names) * WORDS_A_CLASS
        self.register_buffer("words_N", torch.zeros(num_entries, dtype=torch.int64))
        self.register_buffer("table_N", torch.zeros(num_entries))
        self.register_buffer("rare_N", torch.zeros(num_entries, dtype=torch.bool))

    def set_words(self, table_CV: Tensor, rare_V: Tensor) -> None:
        """Set which words stand for each class, the ``WORDS_A_CLASS`` heaviest of them.

        Args:
            table_CV: weights from 0 to 1.
            rare_V: bool, names that captions hardly use.
        """
        weights_CK, words_CK = table_CV.topk(WORDS_A_CLASS, dim=1)
        self.words_N.copy_(words_CK.flatten())
        self.table_N.copy_(weights_CK.flatten())
        self.rare_N.copy_(rare_V[self.words_N] & (self.table_N > 0))

    def columns(self) -> Tensor:
        """Return (W,) the words of the table, rising."""
        columns_W: Tensor = self.words_N[self.table_N > 0].unique()
        return columns_W

    def forward(self, features_BPF: Tensor, weights_BPW: Tensor, columns_W: Tensor) -> Tensor:
        """Return (B, P, W) the weights with the evidence.

        Args:
            features_BPF: of all patches of the pictures.
            weights_BPW: of the words ``columns_W`` at the patches, not negative.
        """
        evidence_BPW, rare_W = self._evidence(features_BPF, columns_W)
        held_BPW = torch.where(rare_W, (evidence_BPW / ENOUGH).clamp(max=1.0), 1.0)
        # In bfloat16 a number just below 1 would be 1, whose logit is infinite.
        logits_BPW = torch.logit(evidence_BPW.float(), eps=SURE) + MARGIN
        return weights_BPW * held_BPW + self.share * logits_BPW.clamp_min(0.0).log1p()

    def _evidence(self, features_BPF: Tensor, columns_W: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, P, W) evidence from 0 to 1, and (W,) which words are rare."""
        entries = torch.nonzero(self.table_N > 0).squeeze(1)
        places = torch.searchsorted(columns_W, self.words_N[entries])
        rare_W = torch.zeros(len(columns_W), dtype=torch.bool, device=columns_W.device)
        rare_W[places] = self.rare_N[entries]
        logits_BPC = features_BPF @ self.weights_FC + self.bias_C
        logits_BPC = logits_BPC + CONTEXT * logits_BPC.mean(1, keepdim=True)
        shares_BPC = logits_BPC.float().softmax(-1)
        table_CW = shares_BPC.new_zeros(shares_BPC.shape[-1], len(columns_W))
        table_CW[entries // WORDS_A_CLASS, places] = self.table_N[entries]
        evidence_BPW = (shares_BPC @ table_CW).clamp(max=1.0)
        return ((evidence_BPW - LEAST) / (1.0 - LEAST)).clamp(min=0.0), rare_W
