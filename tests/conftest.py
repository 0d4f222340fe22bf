"""Fixtures that tests of several rooms share; everything is made here, nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import network
import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from lexret.config import ModelConfig
from lexret.encoders.folder.record import STATIC_TEXT_FILE, WEIGHTS_FILE, read_record, write_record
from lexret.encoders.text.static_table import (
    QuantizedMatrix,
    StaticSettings,
    StaticTable,
    save_static_table,
)
from lexret.files.hashes import file_sha256
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import nn

# A busy machine is slow, which is no error.
settings.register_profile("lexret", deadline=None)
settings.load_profile("lexret")

TINY_WORDS = (
    *("dog", "cat", "beach", "red", "blue", "car", "two", "man", "woman", "boy", "girl", "child"),
    *("people", "person", "dogs", "cats", "running", "playing", "sitting", "standing", "ball"),
    *("grass", "water", "snow", "street", "bike", "horse", "bird", "tree", "sky", "sea", "sand"),
    *("green", "black", "white", "yellow", "brown", "one", "three", "small", "big", "young"),
    *("old", "house", "city", "park", "food", "hat", "shirt", "photo", "noise", "square"),
    *("circle", "light", "dark", "night", "day", "sun", "moon", "traffic light"),
)
TINY_MODEL: dict[str, Any] = {
    "name": "tiny",
    "vocabulary": "vocabulary.txt",
    "max_image_words": 24,
    "codebook": {"sources": ["random"], "dim": 16},
    "image": {
        "backbone": "test_efficientnet",
        "weights": "backbone.safetensors",
        "image_size": 96,
        "stride": 32,
        "feature_dim": 256,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "width": 16,
        "num_heads": 2,
        "mlp_width": 32,
        "word_bias": True,
    },
    "text": {
        "backbone": "text",
        "max_tokens": 24,
        "lora_rank": 2,
        "lora_targets": ["query", "value"],
        "max_words": 12,
    },
}


network.forbid()


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Tests reach no other machine; one that tries fails, whatever it makes of its failure."""
    network.attempts.clear()
    yield
    assert network.attempts == []


@pytest.fixture(autouse=True)
def dictionaries(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the user's dictionaries, which change what searches find."""
    folder = tmp_path_factory.mktemp("languages")
    monkeypatch.setenv("LEXRET_LANGUAGES", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_vocabulary() -> Vocabulary:
    """Six words, in an order that is not alphabetical."""
    return Vocabulary(["dog", "beach", "red", "car", "two", "blue"])


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """A folder of three small pictures: red.png, blue.jpg, and noise.png in a folder below."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    Image.new("RGB", (48, 32), (200, 20, 20)).save(folder / "red.png")
    Image.new("RGB", (32, 48), (20, 20, 200)).save(folder / "blue.jpg")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "more" / "noise.png")
    return folder


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model of 60 words, 3 x 3 patches and random weights, which brings its backbones.

    Its words mean nothing, but different pictures have different words. Do not write into it.
    """
    import torch

    from lexret.encoders.folder.checkpoint import save_checkpoint
    from lexret.encoders.network import LexicalNetwork
    from lexret.encoders.torchvision_ops import declare_missing_operators

    declare_missing_operators()
    sources, folder = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("model") / "tiny"
    vocabulary = Vocabulary(TINY_WORDS)
    config = ModelConfig.model_validate(TINY_MODEL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_tiny_text_backbone(sources / "text")
        text = config.text.model_copy(update={"backbone": str(sources / "text")})
        network = LexicalNetwork(config.model_copy(update={"text": text}), vocabulary)
        # As fresh LoRA does nothing and fresh biases are 0, training is imitated by noise.
        for name, parameter in network.named_parameters():
            if ".lora_B" in name or name.endswith("bias_V"):
                torch.nn.init.normal_(parameter, std=0.1)
        network.image.adapter.down.weight.data *= 4
        save_checkpoint(folder, config, vocabulary, network.trained_state())
        (sources / "text").rename(folder / "text")
        save_tiny_image_backbone(folder / "backbone.safetensors")
    return folder


@pytest.fixture(scope="session")
def static_model_folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a static text encoder of random numbers. Do not write into it."""
    folder = tmp_path_factory.mktemp("model") / "static"
    shutil.copytree(tiny_model_folder, folder)
    add_random_static_text(folder)
    return folder


def add_random_static_text(folder: Path) -> None:
    """Give a model folder a static text encoder of random numbers."""
    record = read_record(folder)
    words = record.vocabulary()
    rng = np.random.default_rng(0)
    rows_VC, codebook_VC = rng.normal(size=(2, len(words), 8)).astype(np.float32)
    bias, own = rng.normal(size=(2, len(words))).astype(np.float32)
    table = StaticTable(
        rows=QuantizedMatrix.of(rows_VC),
        base_C=rng.normal(size=8).astype(np.float32),
        codebook=QuantizedMatrix.of(codebook_VC),
        bias_V=bias,
        own_V=np.abs(own),
    )
    settings = StaticSettings(
        vocabulary=words.fingerprint,
        imitates=record.sha256[WEIGHTS_FILE],
        activation="log1p_relu",
        max_words=12,
        own_word_floor=0.05,
    )
    save_static_table(folder / STATIC_TEXT_FILE, table, settings)
    digest = file_sha256(folder / STATIC_TEXT_FILE)
    write_record(folder, {**record.values, "sha256": {**record.sha256, STATIC_TEXT_FILE: digest}})


def save_tiny_text_backbone(folder: Path) -> None:
    """Write a BERT of 2 layers and 16 dimensions, and a word-piece tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = sorted({part for word in TINY_WORDS for part in word.split()} | {"a", "the", "on"})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys([*letters, *words])]
    pieces += [f"##{letter}" for letter in letters]
    (folder / "vocab.txt").write_text("".join(f"{p}\n" for p in pieces), encoding="utf-8")
    tokenizer = BertTokenizerFast({piece: i for i, piece in enumerate(pieces)})
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)


def save_tiny_image_backbone(path: Path) -> None:
    """Write an EfficientNet of 0.1 M parameters whose batch statistics fit plain colours."""
    import timm
    import torch
    from safetensors.torch import save_file

    net: nn.Module = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # a plain average over what it sees
    colours_B3 = torch.rand(32, 3) * 2 - 1
    noise_B3SS = torch.randn(32, 3, 96, 96) * torch.rand(32, 1, 1, 1)
    with torch.no_grad():
        net.train()(colours_B3[:, :, None, None] + noise_B3SS)
    save_file(net.state_dict(), path)
