"""Student that becomes a static text encoder: its formula with trainable numbers.

Legend: B texts, W their rows one after the other, R rows of the table, C coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_BETAS: Final = (0.9, 0.99)


@dataclass(frozen=True, eq=False)
class Bags:
    """Bags of rows: the distinct table rows of B texts.

    Attributes:
        row_W: (W,) int64, text after text.
        text_W: (W,) int64, the text that each belongs to.
        num_texts: B.
    """

    row_W: Tensor
    text_W: Tensor
    num_texts: int

    @classmethod
    def of(cls, bags: Sequence[Sequence[int]]) -> Bags:
        """Put the rows of texts one after the other."""
        sizes = torch.tensor([len(bag) for bag in bags], dtype=torch.long)
        rows = torch.tensor([row for bag in bags for row in bag], dtype=torch.long)
        return cls(rows, torch.repeat_interleave(torch.arange(len(bags)), sizes), len(bags))

    def sizes(self) -> Tensor:
        """Return (B,) how many rows each text has."""
        return torch.bincount(self.text_W, minlength=self.num_texts)


class StaticStudent(nn.Module):
    """Trainable form of the formula in :mod:`lexret.encoders.text.static_encoder`."""

    def __init__(
        self, num_rows: int, bags: Sequence[Sequence[int]], vectors_NC: Tensor, scale: float | None
    ) -> None:
        """Begin each row as the mean of the texts that hold it.

        Args:
            bags: the rows of N texts.
            vectors_NC: their vectors.
            scale: the length of each vector that comes out; None: not fixed.
        """
        super().__init__()
        every, size = Bags.of(bags), vectors_NC.shape[1]
        sums_RC = torch.zeros(num_rows, size).index_add(0, every.row_W, vectors_NC[every.text_W])
        counts_R = torch.bincount(every.row_W, minlength=num_rows).clamp_min(1)
        self.rows_RC = nn.Parameter(sums_RC / counts_R.unsqueeze(1))
        self.base_C = nn.Parameter(torch.zeros(size))
        self.scale = scale

    def forward(self, bags: Bags) -> Tensor:
        """Return (B, C)."""
        rows_WC = functional.embedding(bags.row_W, self.rows_RC, sparse=True)
        sums_BC = self.base_C.expand(bags.num_texts, -1).index_add(0, bags.text_W, rows_WC)
        if self.scale is None:
            return sums_BC / (1.0 + bags.sizes()).sqrt().unsqueeze(1)
        return functional.normalize(sums_BC, dim=1) * self.scale


class StudentOptimizers:
    """Optimizers of a student: of the table's rows, a step changes only those it touches.

    Args:
        lr: peak rate of the rows.
        others_lr: peak rate of all other numbers.
    """

    def __init__(
        self, rows_RC: nn.Parameter, others: Sequence[nn.Parameter], *, lr: float, others_lr: float
    ) -> None:
        self._optimizers: tuple[tuple[torch.optim.Optimizer, float], ...] = (
            (torch.optim.SparseAdam([rows_RC], betas=_BETAS), lr),
            (torch.optim.Adam(others, betas=_BETAS), others_lr),
        )

    def step(self, loss: Tensor, rate: float) -> None:
        """Take a step down a loss's gradient, at a share of the peak rates."""
        for optimizer, peak in self._optimizers:
            optimizer.param_groups[0]["lr"] = peak * rate
            optimizer.zero_grad()
        loss.backward()
        for optimizer, _ in self._optimizers:
            optimizer.step()
