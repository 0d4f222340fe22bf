"""Configuration of a training run: model, data, training and card, and what must fit together."""

from __future__ import annotations

from pydantic import Field, model_validator

from lexret.config.data import DataConfig
from lexret.config.model import ModelConfig
from lexret.config.training import TrainConfig
from lexret.config.values import Frozen


class CardConfig(Frozen):
    """Texts of the model card that no program can know."""

    description: str = ""
    data: str = Field("", description="what the training data are and where they come from")
    citation: str = ""
    licence: str = Field("", description="licence of the weights, and what the data's licence asks")
    limits: str = Field("", description="what the model is not good for")


class RunConfig(Frozen):
    """Configuration of a training run: everything that determines it."""

    model: ModelConfig
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    card: CardConfig = CardConfig()

    @model_validator(mode="after")
    def _the_start_fits_the_model(self) -> RunConfig:
        correlated = self.train.start == "correlated"
        if correlated and self.model.image.adapter != "context":
            raise ValueError("train.start = 'correlated' needs model.image.adapter = 'context'")
        if self.train.most_active is not None and not self.data.cached:
            raise ValueError("train.most_active needs data.cached = true")
        if self.train.base_rate_quantile is not None and not self.data.cached:
            raise ValueError("train.base_rate_quantile needs data.cached = true")
        imagined = self.data.imagined and self.data.cached
        if self.train.most_active_imagined is not None and not imagined:
            raise ValueError("train.most_active_imagined needs data.imagined and data.cached")
        if self.model.text.words == "own" and (
            correlated
            or self.train.dense_weight
            or self.train.dense_epochs
            or self.train.distill_weight
        ):
            raise ValueError(
                "model.text.words = 'own' has no text vectors: train.start = 'random' and no "
                "dense_weight, dense_epochs and distill_weight"
            )
        if self.train.shard_text and correlated:
            raise ValueError("train.shard_text needs train.start = 'random'")
        if correlated and not self.data.cached:
            raise ValueError("train.start = 'correlated' needs data.cached = true")
        if correlated != (self.model.codebook.sources == ("text_side",)):
            raise ValueError(
                "model.codebook.sources = ['text_side'] and train.start = 'correlated' need "
                "each other"
            )
        return self

    def to_json(self) -> str:
        """Return indented JSON, from which an equal value can be validated."""
        return self.model_dump_json(indent=2) + "\n"
