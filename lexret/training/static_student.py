"""What learns to be a static text encoder: its formula with trainable numbers.

Legend: B texts, W their words one after the other, R rows (words that have one), V words of the
vocabulary, D codebook dimension, K entries of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.encoders.activations import activate
from lexret.encoders.network import TextSide
from lexret.encoders.static_table import StaticTable

_CHUNK: Final = 1024


@dataclass(frozen=True, eq=False)
class Bags:
    """The distinct words of B texts, as rows of the table.

    Attributes:
        word_W: (W,) int64 rows, text after text; those below V are the vocabulary's words.
        text_W: (W,) int64, the text that each belongs to.
        num_texts: B.
    """

    word_W: Tensor
    text_W: Tensor
    num_texts: int

    @classmethod
    def of(cls, bags: Sequence[Sequence[int]]) -> Bags:
        """Put the words of texts one after the other."""
        sizes = torch.tensor([len(bag) for bag in bags], dtype=torch.long)
        words = torch.tensor([word for bag in bags for word in bag], dtype=torch.long)
        return cls(words, torch.repeat_interleave(torch.arange(len(bags)), sizes), len(bags))

    def own(self, num_words: int) -> Tensor:
        """Return (B, V) with 1 where a text holds a word of the vocabulary."""
        own_BV = torch.zeros(self.num_texts, num_words)
        known_W = self.word_W < num_words
        own_BV[self.text_W[known_W], self.word_W[known_W]] = 1.0
        return own_BV

    def lengths(self, gate_R: Tensor) -> Tensor:
        """Return (B, 1): sqrt(1 + the sum of the words' gates)."""
        ones_B = torch.ones(self.num_texts)
        return ones_B.index_add(0, self.text_W, gate_R[self.word_W]).sqrt().unsqueeze(1)


class DenseStudent(nn.Module):
    """Vectors of words whose sum, over its length, is the text's vector."""

    def __init__(self, num_rows: int, bags: Sequence[Sequence[int]], vectors_ND: Tensor) -> None:
        """Start each word as the mean of the texts that hold it.

        Args:
            bags: the rows of N texts.
            vectors_ND: their vectors in the codebook's space.
        """
        super().__init__()
        every = Bags.of(bags)
        dim = vectors_ND.shape[1]
        sums_RD = torch.zeros(num_rows, dim).index_add(0, every.word_W, vectors_ND[every.text_W])
        counts_R = torch.bincount(every.word_W, minlength=num_rows).clamp_min(1)
        self.words_RD = nn.Parameter(sums_RD / counts_R.unsqueeze(1))
        self.base_D = nn.Parameter(torch.zeros(dim))
        self.raw_gate_R = nn.Parameter(torch.zeros(num_rows))

    def forward(self, bags: Bags) -> Tensor:
        """Return (B, D)."""
        words_WD = functional.embedding(bags.word_W, self.words_RD, sparse=True)
        sums_BD = self.base_D.expand(bags.num_texts, -1).index_add(0, bags.text_W, words_WD)
        return sums_BD / bags.lengths(functional.softplus(self.raw_gate_R))


class StaticStudent(nn.Module):
    """The formula of the static encoder with trainable numbers: K entries a row, not rounded."""

    term_ids_RK: Tensor

    def __init__(self, dense: DenseStudent, side: TextSide, num_entries: int) -> None:
        super().__init__()
        self.config = side.config
        num_words = len(side.codebook_VD)
        kept = min(num_entries, num_words)
        term_ids, entries = [], []
        with torch.no_grad():
            for words_CD in dense.words_RD.split(_CHUNK):
                logits_CV = words_CD @ side.codebook_VD.t()
                # A row keeps what it helps most towards being active.
                ids_CK = (logits_CV + side.bias_V).topk(kept, dim=1).indices
                term_ids.append(ids_CK)
                entries.append(logits_CV.gather(1, ids_CK))
            self.base_V = nn.Parameter(side.codebook_VD @ dense.base_D)
        self.register_buffer("term_ids_RK", torch.cat(term_ids))
        self.entries_RK = nn.Parameter(torch.cat(entries))
        self.raw_gate_R = nn.Parameter(dense.raw_gate_R.detach().clone())
        self.bias_V = nn.Parameter(side.bias_V.detach().clone())
        self.own_V = nn.Parameter(side.own_weight_V.detach().clone())

    def forward(self, bags: Bags, own_BV: Tensor) -> Tensor:
        """Return (B, V) activations."""
        num_words = own_BV.shape[1]
        places_WK = bags.text_W.unsqueeze(1) * num_words + self.term_ids_RK[bags.word_W]
        entries_WK = functional.embedding(bags.word_W, self.entries_RK, sparse=True)
        sums_BV = (
            torch.zeros(bags.num_texts * num_words)
            .index_add(0, places_WK.flatten(), entries_WK.flatten())
            .view(bags.num_texts, num_words)
        )
        lengths_B1 = bags.lengths(functional.softplus(self.raw_gate_R))
        logits_BV = (self.base_V + sums_BV) / lengths_B1 + self.bias_V + own_BV * self.own_V
        floor_BV = own_BV * self.config.text.own_word_floor
        return torch.maximum(activate(logits_BV, self.config.activation), floor_BV)

    @torch.no_grad()
    def table(self) -> StaticTable:
        """Return what was learnt, rounded as it is stored."""
        return StaticTable.quantized(
            self.term_ids_RK.numpy(),
            self.entries_RK.numpy(),
            gate=functional.softplus(self.raw_gate_R).numpy(),
            base=self.base_V.numpy().copy(),
            bias=self.bias_V.numpy().copy(),
            own=self.own_V.numpy().copy(),
        )
