"""Text tower of a two-tower model, as the text side of a lexical model takes it.

Legend: B texts, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.encoders.towers.opening import open_towers


class TowerTexts(nn.Module):
    """Text tower that gives each text its unit vector, in the place of a text transformer.

    Args:
        source: the two-tower model.
        prompt: how a text is put to it, with ``{text}`` in it.
        fingerprint: the digest that its weights must have.

    Raises:
        CorruptError: if its weights are not those that the model was made of.
        InputError, MissingError, MissingPackageError: if the towers cannot be loaded.
    """

    def __init__(self, source: str, prompt: str, *, fingerprint: str) -> None:
        super().__init__()
        self._prompt = prompt
        self.towers = open_towers(source, fingerprint=fingerprint)
        self.hidden_size = self.towers.shape.dim

    @torch.no_grad()
    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return (B, D) unit vectors."""
        asked = [self._prompt.replace("{text}", text) for text in texts]
        return functional.normalize(self.towers.encode_texts(asked).float(), dim=-1)
