"""Configuration: frozen, documented values, validated once, read from TOML, written as JSON."""

from lexret.config.data import DataConfig
from lexret.config.model import (
    Activation,
    AdapterKind,
    CodebookConfig,
    ImageConfig,
    Matrix,
    ModelConfig,
    Pooling,
    TextConfig,
)
from lexret.config.recipes import load_recipe, merged, read_toml
from lexret.config.run import CardConfig, RunConfig
from lexret.config.training import Penalty, Start, TrainConfig
from lexret.config.values import Frozen, validated

__all__ = [
    "Activation",
    "AdapterKind",
    "CardConfig",
    "CodebookConfig",
    "DataConfig",
    "Frozen",
    "ImageConfig",
    "Matrix",
    "ModelConfig",
    "Penalty",
    "Pooling",
    "RunConfig",
    "Start",
    "TextConfig",
    "TrainConfig",
    "load_recipe",
    "merged",
    "read_toml",
    "validated",
]
