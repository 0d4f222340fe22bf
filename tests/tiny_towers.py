"""Tiny two-tower models of random weights, of the real classes, as their packages save them."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lexret.encoders.torchvision_ops import declare_missing_operators

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
PIECES = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
TEXT: dict[str, Any] = {
    **SIZE,
    "vocab_size": len(PIECES),
    "max_position_embeddings": 16,
    "eos_token_id": len(PIECES) - 1,
    "bos_token_id": len(PIECES) - 2,
    "pad_token_id": len(PIECES) - 1,
}
SQUARE = {"height": 32, "width": 32}


def tiny_tokenizer(folder: Path) -> Any:
    """A tokenizer of letters."""
    from transformers import CLIPTokenizer

    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(PIECES)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
    )


def save_tiny_clip(folder: Path, *, seed: int = 0) -> Path:
    """Save a CLIP of transformers: pictures of 32 px, 2 x 2 patches, 8 dimensions."""
    declare_missing_operators()
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    folder.mkdir(parents=True, exist_ok=True)
    vision = {**SIZE, "image_size": 32, "patch_size": 16}
    config = CLIPConfig(text_config=TEXT, vision_config=vision, projection_dim=8)
    _save(CLIPModel, config, folder, seed)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE)
    CLIPProcessor(images, tiny_tokenizer(folder)).save_pretrained(folder)
    return folder


def save_tiny_siglip(folder: Path, *, seed: int = 0) -> Path:
    """Save a SigLIP, whose pooling is attention: 32 px, 2 x 2 patches, 16 dimensions."""
    declare_missing_operators()
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    folder.mkdir(parents=True, exist_ok=True)
    vision = {**SIZE, "image_size": 32, "patch_size": 16}
    config = SiglipConfig(text_config={**TEXT, "projection_size": 16}, vision_config=vision)
    _save(SiglipModel, config, folder, seed)
    images = SiglipImageProcessor(size=SQUARE)
    SiglipProcessor(images, tiny_tokenizer(folder)).save_pretrained(folder)
    return folder


def save_tiny_siglip2(folder: Path, *, seed: int = 0) -> Path:
    """Save a flexible SigLIP 2, which takes patches: 4 of 16 px, 16 dimensions."""
    declare_missing_operators()
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model, Siglip2Processor

    folder.mkdir(parents=True, exist_ok=True)
    vision = {**SIZE, "num_patches": 4, "patch_size": 16}
    config = Siglip2Config(text_config={**TEXT, "projection_size": 16}, vision_config=vision)
    _save(Siglip2Model, config, folder, seed)
    images = Siglip2ImageProcessor(patch_size=16, max_num_patches=4)
    Siglip2Processor(images, tiny_tokenizer(folder)).save_pretrained(folder)
    return folder


def save_tiny_open_clip(folder: Path, *, seed: int = 0) -> Path:
    """Save a model of open_clip: pictures of 32 px, 2 x 2 patches, 8 dimensions."""
    declare_missing_operators()
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
        "text_cfg": {
            "context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2,
        },
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.CLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    values = {
        "model_cfg": config,
        "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(values))
    return folder


def _save(kind: Any, config: Any, folder: Path, seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(config)
        # What is made starts so small that all pictures would look alike.
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "position" not in name:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)


def without_open_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports of open_clip fail as they do where it is not installed."""
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "open_clip":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
