"""``--device`` and ``--precision`` of the commands that load a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.encoders.computation import Computation


def lexret(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture
def captions_file(tmp_path: Path) -> Path:
    lines = []
    for i, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{colour}.png")
        lines.append(json.dumps({"image": f"{colour}.png", "captions": [f"{colour} {i}"]}))
    (tmp_path / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "captions.jsonl"


def commands(indexed: Path, captions: Path, model: Path, out: Path) -> dict[str, list[object]]:
    return {
        "search": ["search", "a red dog", "--index", indexed, "--text-encoder", "contextual"],
        "like": ["search", "--image", indexed / "red.png", "--index", indexed],
        "explain": ["explain", indexed / "red.png", "-o", out, "--model", model],
        "retrieval": ["eval", "retrieval", captions, "--model", model],
        "sparsity": ["eval", "sparsity", captions, "-o", out, "--model", model],
        "held-words": ["eval", "held-words", captions, "--model", model],
        "distill": ["distill", model, "--captions", captions, "-o", out],
        "serve": ["serve", "--index", indexed, "--port", "0"],
    }


NAMES = ("search", "like", "explain", "retrieval", "sparsity", "held-words", "distill", "serve")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("device", "message"), [("gpu", "No device is called 'gpu'"), ("cuda:99", "cuda:99 was asked")]
)
def test_a_device_that_is_not_there_is_named(
    name: str,
    device: str,
    message: str,
    indexed: Path,
    captions_file: Path,
    tiny_model_folder: Path,
    tmp_path: Path,
) -> None:
    words = commands(indexed, captions_file, tiny_model_folder, tmp_path / "out")[name]
    result = lexret(*words, "--device", device)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["search", "like", "retrieval"])
def test_the_precision_reaches_the_networks(
    name: str, indexed: Path, captions_file: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    words = commands(indexed, captions_file, tiny_model_folder, tmp_path / "out")[name]
    whole, low = (
        json.loads(lexret(*words, "--device", "cpu", "--precision", precision, "--json").stdout)
        for precision in ("float32", "bfloat16")
    )
    if name == "retrieval":
        assert (whole["precision"], low["precision"]) == ("float32", "bfloat16")
        return
    scores = [[hit["score"] for hit in found["hits"]] for found in (whole, low)]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], rel=0.2)


def test_a_model_computes_texts_and_pictures_in_its_precision(
    tiny_model_folder: Path,
) -> None:
    whole = load_model(tiny_model_folder)
    low = load_model(tiny_model_folder, computation=Computation("cpu", "bfloat16"))
    assert low.device == torch.device("cpu")
    assert low.image_encoder("bfloat16") is low.images
    assert low.image_encoder("float32").precision == "float32"
    texts = ["a red dog", "two cars"]
    pairs: list[tuple[Any, Any]] = [
        (whole.texts.encode(texts), low.texts.encode(texts)),
        (whole.images.encode([Image.new("RGB", (64, 64), "red")]),
         low.images.encode([Image.new("RGB", (64, 64), "red")])),
    ]  # fmt: skip
    for mine, theirs in pairs:
        assert mine.weights.tolist() != theirs.weights.tolist()
        assert theirs.weights.dtype == mine.weights.dtype
        assert mine.to_scipy().multiply(theirs.to_scipy()).sum(1).min() > 0.95
