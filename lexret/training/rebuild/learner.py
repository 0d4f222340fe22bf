"""Learner of rebuilding: the model, its losses and one step of them.

Legend: as in :mod:`lexret.training.rebuild.batches`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lexret.config.rebuild import RebuildConfig
from lexret.rebuild.entries import VocabularyEntries
from lexret.rebuild.model import RebuildModel
from lexret.training.rebuild.batches import RebuildBatch
from lexret.training.rebuild.losses import (
    EarlyLayers,
    PatchDiscriminator,
    discriminator_loss,
    query_loss,
)

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel


@dataclass(frozen=True, slots=True)
class RebuildLosses:
    """Losses of a step, weighted as they are added; 0 where one is not taken."""

    total: float
    absolute: float
    squared: float
    codebook: float
    commitment: float
    query: float
    perceptual: float
    adversarial: float
    discriminator: float
    entries: int

    def as_dict(self) -> dict[str, float]:
        """Return the losses by name; ``entries``: different entries in the batch."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


class RebuildLearner(nn.Module):
    """Model, discriminator and the frozen layers that the perceptual loss looks through."""

    def __init__(
        self,
        config: RebuildConfig,
        lexical: LexicalModel,
        *,
        entries: VocabularyEntries | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        torch.manual_seed(config.train.seed)
        self.model = RebuildModel(config.network, lexical, entries=entries)
        loss = config.loss
        image = lexical.checkpoint.config.image
        self.early = EarlyLayers(image) if loss.perceptual else None
        self.discriminator = PatchDiscriminator() if loss.adversarial else None

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, by name, in a fixed order."""
        parts: dict[str, nn.Module] = {"network": self.model.network}
        if self.discriminator is not None:
            parts["discriminator"] = self.discriminator
        return {
            f"{part}.{name}": parameter
            for part, module in parts.items()
            for name, parameter in module.named_parameters()
        }

    def backward(self, batch: RebuildBatch, step: int) -> RebuildLosses:
        """Add the gradients of a step's losses to the parameters."""
        device_type = batch.pixels_B3SS.device.type
        lowered = self.config.train.precision == "bfloat16"
        with torch.autocast(device_type, torch.bfloat16, enabled=lowered):
            parts, rebuilt, entries = self._forward(batch, step)
        total = torch.stack([part.float() for part in parts.values()]).sum()
        total.backward()
        told = {name: float(part.detach()) for name, part in parts.items()}
        told["discriminator"] = self._judge(batch.pixels_B3SS, rebuilt.detach(), step)
        zeros = dict.fromkeys(RebuildLosses.__dataclass_fields__, 0.0)
        values = {**zeros, **told, "total": float(total.detach())}
        del values["entries"]
        return RebuildLosses(**values, entries=int(entries.unique().numel()))

    def _forward(self, batch: RebuildBatch, step: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return weighted losses, rebuilt pictures and the cells' entries."""
        model, network = self.model, self.config.network
        words = model.words(batch.word_ids_BK, batch.word_weights_BK)
        text = model.text(batch.text_ids_BT) if network.text == "captions" else None
        share = network.cells.share(step)
        seen = model.see(batch.pixels_B3SS, batch.coarse_BRF, words=words, text=text, share=share)
        soft = None
        if seen.soft_BnH is not None and step % network.soft.every == 0:
            soft = model.soft_outputs(seen.soft_BnH, batch.num_soft_B)
        context = model.context(len(words.weights_BK), words=words, text=text, soft=soft)
        rebuilt = model.rebuild(seen.cells.codes_BDGG, batch.has_cells_B, context)
        parts = self._picture_losses(rebuilt.float(), batch.pixels_B3SS, step)
        cells = network.cells
        parts["codebook"] = cells.codebook_weight * seen.cells.codebook_loss
        parts["commitment"] = cells.commitment_weight * seen.cells.commitment_loss
        if soft is not None and network.soft.query_weight:
            assert model.texts is not None
            vectors_BD = model.texts.vectors(soft.pooled_BH.float())
            parts["query"] = network.soft.query_weight * query_loss(
                vectors_BD, batch.dense_BD, batch.num_soft_B > 0, network.soft.temperature
            )
        return parts, rebuilt.float(), seen.cells.entries_BGG

    def _picture_losses(
        self, rebuilt_B3SS: Tensor, pixels_B3SS: Tensor, step: int
    ) -> dict[str, Tensor]:
        loss = self.config.loss
        difference = rebuilt_B3SS - pixels_B3SS
        parts = {
            "absolute": loss.absolute * difference.abs().mean(),
            "squared": loss.squared * difference.square().mean(),
        }
        if self.early is not None and step % loss.perceptual_every == 0:
            count = loss.perceptual_pictures or len(rebuilt_B3SS)
            # The first pictures of a batch are as random as any.
            distance = self.early.distance(rebuilt_B3SS[:count], pixels_B3SS[:count])
            parts["perceptual"] = loss.perceptual * distance
        if self.discriminator is not None and step >= loss.adversarial_start:
            self.discriminator.requires_grad_(False)
            parts["adversarial"] = -loss.adversarial * self.discriminator(rebuilt_B3SS).mean()
            self.discriminator.requires_grad_(True)
        return parts

    def _judge(self, pixels_B3SS: Tensor, rebuilt_B3SS: Tensor, step: int) -> float:
        """Add the gradients of the discriminator's own loss."""
        if self.discriminator is None or step < self.config.loss.adversarial_start:
            return 0.0
        loss = discriminator_loss(self.discriminator(pixels_B3SS), self.discriminator(rebuilt_B3SS))
        loss.backward()
        return float(loss.detach())
