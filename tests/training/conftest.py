"""A few captioned pictures and a recipe that trains on them in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.config import RunConfig
from tests.conftest import TINY_MODEL

COLOURS = {
    "red": (210, 30, 30),
    "green": (30, 180, 40),
    "blue": (30, 40, 210),
    "yellow": (230, 220, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
}
SHAPES = ("square", "circle")


@pytest.fixture(scope="session")
def captions_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures, a colour and a shape each, with two captions."""
    folder = tmp_path_factory.mktemp("captions")
    lines = []
    rng = np.random.default_rng(0)
    for colour, rgb in COLOURS.items():
        for shape in SHAPES:
            pixels = np.full((64, 64, 3), 128, dtype=np.int64)
            y, x = np.mgrid[:64, :64] - 32
            inside = (abs(x) < 20) & (abs(y) < 20) if shape == "square" else x**2 + y**2 < 400
            pixels[inside] = rgb
            pixels += rng.integers(-8, 9, pixels.shape)
            name = f"{colour}-{shape}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
            texts = [f"A {colour} {shape}.", f"one {shape}, {colour}"]
            lines.append(json.dumps({"image": name, "captions": texts}))
    file = folder / "captions.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def recipe_values(tiny_model_folder: Path, captions_file: Path) -> dict[str, Any]:
    """A whole configuration as plain values: the tiny model, six steps."""
    model = {
        **TINY_MODEL,
        "vocabulary": str(tiny_model_folder / "vocabulary.txt"),
        "image": {
            **TINY_MODEL["image"],
            "weights": str(tiny_model_folder / "backbone.safetensors"),
            "dropout": 0.1,
        },
        "text": {**TINY_MODEL["text"], "backbone": str(tiny_model_folder / "text")},
    }
    return {
        "model": model,
        "data": {"train": str(captions_file), "dev": str(captions_file)},
        "train": {
            "epochs": 3,
            "batch_size": 6,
            "warmup_steps": 2,
            "penalty_warmup_steps": 2,
            "caption_words_weight": 0.1,
            "caption_words_text_weight": 0.1,
            "patch_dropout": 0.3,
            "image_words": [8, 40],
            "text_words": 40,
            "ema_decay": 0.5,
            "checkpoint_every_steps": 2,
        },
    }


@pytest.fixture
def recipe(recipe_values: dict[str, Any]) -> RunConfig:
    """The configuration, validated."""
    return RunConfig.model_validate(recipe_values)
