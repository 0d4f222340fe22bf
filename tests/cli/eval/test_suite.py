"""``lexret eval all`` over a small suite with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.eval.suite.report import markdown

SUITE = """
seed = 3
[retrieval.small]
source = "photos/captions.jsonl"
words = [4]
baselines = ["random", "dense", "bm25"]
dense_models = ["open_clip:none:none"]
[patchdis.small]
source = "masked"
[sparsity.small]
source = "photos/captions.jsonl"
budgets = [2]
[exclusion.small]
source = "photos/captions.jsonl"
[no_match.small]
source = "photos/captions.jsonl"
[faithfulness.small]
source = "photos"
pictures = 1
[speed.small]
source = "photos/captions.jsonl"
pictures = 3
"""
NAMES = ("dog", "car", "tree", "boat", "horse", "bird", "cat", "snow", "beach", "man")


def run_all(*arguments: object) -> Result:
    words = ["eval", "all", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("photos", "masked/images", "masked/masks"):
        (tmp_path / folder).mkdir(parents=True)
    lines = []
    for i in range(32):
        colour = tuple(int(one) for one in rng.integers(0, 256, 3))
        Image.new("RGB", (24, 24), colour).save(tmp_path / "photos" / f"{i}.png")
        texts = [f"a {NAMES[i % 10]} and a {NAMES[(i + i % 2 + 1) % 10]}", f"a {NAMES[i % 10]}"]
        lines.append(json.dumps({"image": f"{i}.png", "captions": texts}))
    (tmp_path / "photos" / "captions.jsonl").write_text("\n".join(lines))
    Image.new("RGB", (24, 24), "red").save(tmp_path / "masked" / "images" / "a.png")
    ids = np.repeat(np.array([[1, 2]], np.uint8), 12, axis=1).repeat(24, axis=0)
    Image.fromarray(ids).save(tmp_path / "masked" / "masks" / "a.png")
    (tmp_path / "masked" / "classes.json").write_text('{"1": "red", "2": "sea"}')
    (tmp_path / "suite.toml").write_text(SUITE)
    return tmp_path


def test_one_command_measures_everything_and_says_where_it_comes_from(
    data: Path, tiny_model_folder: Path
) -> None:
    out = data / "out"
    options = ("--data", data, "--model", tiny_model_folder, "-o", out)
    result = run_all("--suite", data / "suite.toml", *options)
    assert result.exit_code == 0, result.output
    values = json.loads((out / "results.json").read_text())
    assert set(values["results"]) == {
        "retrieval", "patchdis", "sparsity", "exclusion", "no_match", "faithfulness", "speed",
    }  # fmt: skip
    retrieval = values["results"]["retrieval"]["small"]
    assert set(retrieval["model"]) == {"all", "4"}
    assert set(retrieval["baselines"]) == {"random", "dense", "bm25", "open_clip:none:none"}
    assert "missing" in retrieval["baselines"]["open_clip:none:none"]
    difference = retrieval["baselines"]["bm25"]["model_minus_this"]["text_to_image"]["R@1"]
    assert difference["second"] == retrieval["model"]["all"]["text_to_image"]["R@1"]
    provenance = values["provenance"]
    assert (provenance["seed"], provenance["settings"]["retrieval"]["small"]["words"]) == (3, [4])
    assert "model.safetensors" in provenance["model_sha256"]
    assert set(provenance["data"]) == {"photos/captions.jsonl", "masked"}
    report = (out / "results.md").read_text()
    assert report == markdown(values)
    assert "## PatchDis: small" in report
    assert (out / "sparsity-small.png").is_file()


def test_a_suite_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = run_all("--suite", tmp_path / "none.toml", "-o", tmp_path)
    assert result.exit_code == 2
    assert "no suite" in result.stderr
