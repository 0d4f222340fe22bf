"""``lexret distill`` with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.encoders.folder.record import read_record
from lexret.encoders.text.static_encoder import load_static_text
from lexret.training.distill.imitation import StaticRecipe


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
    few = StaticRecipe(num_pieces=10, num_mixtures=10, num_variations=10, epochs=1)
    monkeypatch.setattr("lexret.training.distill.imitation.StaticRecipe", lambda: few)
    monkeypatch.chdir(tmp_path)
    result = distill(
        *(tiny_model_folder, "--captions", captions_file, "-o", "new"),
        *("--coordinates", 5, "--pairs", 3, "--seed", 7, "--no-pictures"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("new: static text encoder of 0.0 MB; mean cosine ")
    figures = read_record(tmp_path / "new").numbers["static_text"]
    recipe = figures["recipe"]
    assert (recipe["num_coordinates"], recipe["num_pairs"], recipe["seed"]) == (5, 3, 7)
    # No terminal: a line for each kind of work at least.
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["texts"] * 2 + ["steps"]
    assert load_static_text(tmp_path / "new").encode(["dog"]).nnz > 0


def test_without_captions_it_is_a_wrong_call(tiny_model_folder: Path) -> None:
    result = distill(tiny_model_folder, "-o", "new")
    assert result.exit_code == 2
    assert "Missing option '--captions'" in result.stderr
