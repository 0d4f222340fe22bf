"""Dense models through transformers, with a CLIP that is made here."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import InputError, MissingError, MissingPackageError
from lexret.eval.baselines.dense_models import dense_scores, open_dense_model


def save_tiny_clip(folder: Path) -> None:
    declare_missing_operators()
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
    )
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    size |= {"intermediate_size": 16}
    text = {**size, "vocab_size": len(pieces), "max_position_embeddings": 16}
    text |= {"eos_token_id": len(pieces) - 1, "bos_token_id": len(pieces) - 2}
    vision = {**size, "image_size": 32, "patch_size": 16}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    CLIPModel(config).save_pretrained(folder)
    square = {"height": 32, "width": 32}
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=square)
    CLIPProcessor(images, tokenizer).save_pretrained(folder)


def test_a_clip_from_a_folder_gives_cosines(tmp_path: Path) -> None:
    save_tiny_clip(tmp_path)
    model = open_dense_model(f"transformers:{tmp_path}")
    pictures = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    texts = ["a red car", "blue"]
    np.testing.assert_allclose(np.linalg.norm(model.images(pictures), axis=1), 1.0, rtol=1e-5)
    scores = dense_scores(model, pictures, texts)
    assert scores.shape == (3, 2)
    assert (np.abs(scores) <= 1 + 1e-6).all()
    # One at a time or all together: padding must not change a text.
    np.testing.assert_allclose(model.texts(texts)[0], model.texts(texts[:1])[0], atol=1e-5)


def test_missing_weights_and_packages_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingError, match="save_pretrained"):
        open_dense_model(f"transformers:{tmp_path / 'none'}")
    with pytest.raises(InputError, match="open_clip:ARCHITECTURE"):
        open_dense_model("clip")
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "open_clip":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match="pip install open_clip_torch"):
        open_dense_model("open_clip:ViT-B-16:openai")
