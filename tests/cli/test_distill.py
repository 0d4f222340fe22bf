"""``lexret distill`` with a tiny model."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.encoders.model_folder import read_record
from lexret.encoders.static_text import load_static_text
from lexret.training.static_texts import taught_texts


def distill(*arguments: object) -> Result:
    words = ["distill", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def captions_file(tmp_path: Path) -> Path:
    lines = []
    for i in range(50):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{i}.png")
        lines.append(json.dumps({"image": f"{i}.png", "captions": ["a dog on a red car"]}))
    path = tmp_path / "captions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_model_gets_a_static_text_encoder(
    captions_file: Path, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(taught_texts, num_pieces=10, num_mixtures=10, num_variations=10)
    monkeypatch.setattr(
        "lexret.training.static_text.taught_texts",
        lambda captions, vocabulary, *, seed, **_: few(captions, vocabulary, seed=seed),
    )
    monkeypatch.chdir(tmp_path)
    result = distill(
        *(tiny_model_folder, "--captions", captions_file, "-o", "new"),
        *("--entries", 5, "--seed", 7, "--no-pictures"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("new: static text encoder of 0.0 MB; mean cosine ")
    figures = read_record(tmp_path / "new").numbers["static_text"]
    assert (figures["recipe"]["num_entries"], figures["recipe"]["seed"]) == (5, 7)
    assert load_static_text(tmp_path / "new").encode(["dog"]).nnz > 0


def test_without_captions_it_is_a_wrong_call(tiny_model_folder: Path) -> None:
    result = distill(tiny_model_folder, "-o", "new")
    assert result.exit_code == 2
    assert "Missing option '--captions'" in result.stderr
