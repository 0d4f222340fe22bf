"""Weights from a package are read and hashed once, whatever is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lexret.config import ImageConfig
from lexret.encoders import pretrained
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.class_head import class_head
from lexret.encoders.image.package_weights import package_state
from lexret.presets import preset_values


def test_backbone_and_classifier_take_one_reading_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load, hashed = torch.load, pretrained.file_sha256
    read: list[str] = []

    def counted_load(path: Path, **options: Any) -> Any:
        read.append("read")
        return load(path, **options)

    def counted_hash(path: Path) -> str:
        read.append("hashed")
        return hashed(path)

    monkeypatch.setattr(torch, "load", counted_load)
    monkeypatch.setattr(pretrained, "file_sha256", counted_hash)
    package_state.cache_clear()
    config = ImageConfig.model_validate(preset_values("mini")["model"]["image"])
    backbone, head = ImageBackbone(config), class_head(config)
    assert head is not None and len(head.names) == len(head.bias_C) == 1000
    assert head.weights_CF.shape[1] == config.feature_dim
    assert len(backbone.grid) > 1
    assert read == ["hashed", "read"]
