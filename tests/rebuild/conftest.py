"""A tiny lexical model, twelve pictures, and a network of a few thousand weights over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexret.captions.sources import open_captions
from lexret.config.rebuild import RebuildConfig
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.rebuild.entries import VocabularyEntries
from lexret.rebuild.prepared import PreparedPictures, prepared_pictures
from tests.training.conftest import captions_file  # noqa: F401 (a fixture)

TINY_NETWORK: dict[str, Any] = {
    "side": 16,
    "widths": [8, 16],
    "blocks": 1,
    "attention_heads": 2,
    "cells": {"grid": 4, "dim": 4, "drop": 0.3},
    "words": {"budgets": [3, 12], "drop": 0.2},
    "soft": {"num_tokens": 3, "num_heads": 2, "drop": 0.2},
}


@pytest.fixture(scope="session")
def lexical(tiny_model_folder: Path) -> LexicalModel:
    """The tiny model."""
    return load_model(tiny_model_folder)


@pytest.fixture(scope="session")
def entries() -> VocabularyEntries:
    """300 entries of 8 dimensions; their token ids are 7, 10, 13, ..."""
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(300, dtype=np.int32) * 3 + 7
    return VocabularyEntries(ids, tuple(f"word{i}" for i in range(300)), vectors)


@pytest.fixture(autouse=True)
def few_entries(entries: VocabularyEntries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models take the 300 entries in place of Llama 2's."""
    monkeypatch.setattr("lexret.rebuild.model.llama_entries", lambda: entries)


@pytest.fixture(scope="session")
def pictures_folder(
    captions_file: Path,  # noqa: F811
    lexical: LexicalModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Folder of prepared pictures and features."""
    folder = tmp_path_factory.mktemp("prepared")
    captions = open_captions(captions_file)
    prepared_pictures(captions, lexical, folder, side=16, feature_cache=folder)
    return folder


@pytest.fixture(scope="session")
def pictures(
    captions_file: Path,  # noqa: F811
    lexical: LexicalModel,
    pictures_folder: Path,
) -> PreparedPictures:
    """Twelve prepared pictures of 16 px."""
    captions = open_captions(captions_file)
    return prepared_pictures(
        captions, lexical, pictures_folder, side=16, feature_cache=pictures_folder
    )


@pytest.fixture
def config(
    tiny_model_folder: Path,
    captions_file: Path,  # noqa: F811
    pictures_folder: Path,
) -> RebuildConfig:
    """Six steps over the twelve pictures."""
    values = {
        "model": str(tiny_model_folder),
        "network": TINY_NETWORK,
        "data": {
            "train": [str(captions_file)],
            "prepared": str(pictures_folder),
            "feature_cache": str(pictures_folder),
        },
        "train": {"steps": 6, "batch_size": 4, "save_every": 2, "warmup_steps": 2,
                  "ema_decay": 0.5, "precision": "float32"},
    }  # fmt: skip
    return RebuildConfig.model_validate(values)


@pytest.fixture(scope="session")
def decoder_folder(
    lexical: LexicalModel, entries: VocabularyEntries, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An exported rebuilding model of random weights in which every token has an effect."""
    import torch

    from lexret.config.rebuild import NetworkConfig
    from lexret.rebuild.export import export_rebuild_model
    from lexret.rebuild.folder import save_rebuild_model
    from lexret.rebuild.model import RebuildModel

    folder = tmp_path_factory.mktemp("decoder") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lexret.rebuild.model.llama_entries", lambda: entries)
        config = NetworkConfig.model_validate(TINY_NETWORK)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = RebuildModel(config, lexical)
            for name, parameter in model.network.named_parameters():
                if name.endswith("out.weight"):
                    torch.nn.init.normal_(parameter)
        save_rebuild_model(folder, config, model.network.state_dict(), lexical, {"step": 0})
        export_rebuild_model(folder, lexical)
    return folder
