"""Drift penalty: words keep their meaning because their vectors are held near their first ones.

A word that no caption uses gets gradients all the same, wherever it happens to fire. Without the
penalty it would become an arbitrary feature under the name of a word.

Legend: V words, D codebook dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lexret.encoders.network import LexicalNetwork


@dataclass(frozen=True)
class DriftPenalty:
    """Penalty on the distance of words' vectors from the first ones.

    Attributes:
        first_VD: the codebook that both sides began with.
        weights_V: of each word's squared distance; less for words that captions teach.
    """

    first_VD: Tensor
    weights_V: Tensor

    def distance(self, network: LexicalNetwork) -> Tensor:
        """Return the weighted squared distance of both sides' trained codebooks, summed."""
        both = (network.image.codebook_VD, network.text.codebook_VD)
        total = self.first_VD.new_zeros(())
        for codebook_VD in (book for book in both if book.requires_grad):
            squares_V = (codebook_VD - self.first_VD).square().sum(1)
            total = total + (squares_V * self.weights_V).sum()
        return total
