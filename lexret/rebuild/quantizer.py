"""Quantizer of the cells: each place of a map becomes the nearest entry of a codebook.

V2L Tokenizer (Zhu et al., 2024, section 3.2): the codebook is a language model's vocabulary, which
stays as it is; one trained linear map takes it to where distances are measured. The two terms of
the loss are those of VQ-VAE (van den Oord et al., 2017, equation 3).

Legend: B pictures, D dimensions of distances, G rows and columns of the grid, N places (B G G), E
entries, H dimensions of an entry's vector, L entries of a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.config.rebuild import CellsConfig
from lexret.rebuild.entries import principal_axes

# Scores of so many places and entries at a time stay near the processor.
_AT_ONCE: Final = 32
_GROUP: Final = 128


@dataclass(frozen=True, eq=False)
class QuantizedCells:
    """Cells of pictures.

    Attributes:
        codes_BDGG: the entries' vectors; gradients pass to the encoder as if they were its own.
        entries_BGG: int64, which entry each cell is.
        codebook_loss: |stopped(encoding) - entry|^2, the mean over the cells.
        commitment_loss: |encoding - stopped(entry)|^2, the mean over the cells.
    """

    codes_BDGG: Tensor
    entries_BGG: Tensor
    codebook_loss: Tensor
    commitment_loss: Tensor


class Quantizer(nn.Module):
    """Codebook and the search in it.

    Args:
        vectors_EH: of the vocabulary's entries; frozen, and no part of the trained state.
    """

    vectors_EH: Tensor

    def __init__(self, config: CellsConfig, vectors_EH: Tensor) -> None:
        super().__init__()
        self.config = config
        axes_HD = torch.from_numpy(principal_axes(vectors_EH.numpy(), config.dim))
        if config.codebook == "learnt":
            count = config.entries or len(vectors_EH)
            # VQ-GAN's: small and even (Esser et al., 2021, taming/modules/vqvae/quantize.py).
            self.learnt_ED = nn.Parameter(torch.empty(count, config.dim).uniform_(-1, 1) / count)
        else:
            self.register_buffer("vectors_EH", vectors_EH, persistent=False)
            if config.codebook == "raw":
                # One scale for all axes: distances are those among the vectors themselves.
                length_D = axes_HD.norm(dim=0)
                self.register_buffer("axes_HD", axes_HD / length_D * length_D.mean())
            else:
                self.projector = nn.Linear(vectors_EH.shape[1], config.dim)
                with torch.no_grad():
                    self.projector.weight.copy_(axes_HD.t())
                    self.projector.bias.zero_()

    axes_HD: Tensor

    def vectors_of(self, entries: Tensor | None = None) -> Tensor:
        """Return (..., D) vectors of entries in the space of distances; None: (E, D) all."""
        kind = self.config.codebook
        if kind == "learnt":
            found = self.learnt_ED if entries is None else self.learnt_ED[entries]
        else:
            rows = self.vectors_EH if entries is None else self.vectors_EH[entries]
            found = rows @ self.axes_HD if kind == "raw" else self.projector(rows)
        return functional.normalize(found, dim=-1) if self.config.unit else found

    def forward(self, encoded_BDGG: Tensor, share: float = 1.0) -> QuantizedCells:
        """Quantize a map; in float32, whatever precision is set around.

        Args:
            share: how far encodings are moved to their entries; below 1 in early training. Both
                losses are weighted by it.
        """
        with torch.autocast(encoded_BDGG.device.type, enabled=False):
            encoded_BGGD = encoded_BDGG.float().permute(0, 2, 3, 1)
            flat_ND = encoded_BGGD.reshape(-1, encoded_BGGD.shape[-1])
            if self.config.unit:
                flat_ND = functional.normalize(flat_ND, dim=-1)
            with torch.no_grad():
                entries_N = nearest_entries(flat_ND.detach(), self.vectors_of())
            chosen_ND = self.vectors_of(entries_N)
            codebook_loss = (flat_ND.detach() - chosen_ND).square().sum(1).mean()
            commitment_loss = (flat_ND - chosen_ND.detach()).square().sum(1).mean()
            passed_ND = flat_ND + share * (chosen_ND - flat_ND).detach()
            codes_BDGG = passed_ND.view_as(encoded_BGGD).permute(0, 3, 1, 2)
        entries_BGG = entries_N.view(encoded_BGGD.shape[:3])
        return QuantizedCells(
            codes_BDGG, entries_BGG, share * codebook_loss, share * commitment_loss
        )

    def codes_of(self, entries_BGG: Tensor) -> Tensor:
        """Return (B, D, G, G) the entries' vectors, for cells that are known."""
        return self.vectors_of(entries_BGG).permute(0, 3, 1, 2)


def nearest_entries(places_ND: Tensor, entries_ED: Tensor) -> Tensor:
    """Return (N,) int64 the entry that is nearest to each place; of equal ones the first.

    |p - e|^2 = |p|^2 - 2 (p . e - |e|^2 / 2): the largest value in brackets is looked for, first
    among the largest of groups. torch's argmax over a whole row takes three times as long.
    """
    count = len(entries_ED)
    padded = -count % _GROUP
    ones_E1 = 0.5 * entries_ED.square().sum(1, keepdim=True)
    table_EC = torch.cat([entries_ED, -ones_E1], dim=1)
    if padded:
        rest = table_EC.new_zeros(padded, table_EC.shape[1])
        rest[:, -1] = float("-inf")
        table_EC = torch.cat([table_EC, rest])
    # Group l holds the entries l, l + L, l + 2 L, ...: maxima over the first axis are fast.
    table_CE = table_EC.t().contiguous()
    places_NC = torch.cat([places_ND, places_ND.new_ones(len(places_ND), 1)], dim=1)
    num_groups = table_CE.shape[1] // _GROUP
    found = []
    for chunk_nC in places_NC.split(_AT_ONCE):
        scores_nGL = (chunk_nC @ table_CE).view(-1, num_groups, _GROUP)
        columns_n = scores_nGL.amax(1).argmax(1)
        inner_nG = scores_nGL[torch.arange(len(chunk_nC)), :, columns_n]
        found.append(inner_nG.argmax(1) * _GROUP + columns_n)
    return torch.cat(found) if found else torch.empty(0, dtype=torch.int64)
