"""The script of the ridge baseline, on made-up features."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

SCRIPT = Path(__file__).parents[3] / "eval" / "baseline_ridge.py"
WORDS = ("dog", "beach", "red", "car", "blue", "snow", "horse", "street")


@pytest.fixture(scope="module")
def baseline() -> ModuleType:
    spec = importlib.util.spec_from_file_location("baseline_ridge", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def make_split(folder: Path, name: str, num_pictures: int, seed: int) -> tuple[str, str]:
    """Write captions of two words a picture, and features that tell them: (captions, features)."""
    random = np.random.default_rng(seed)
    lines, features = [], np.zeros((num_pictures, 4, len(WORDS)), dtype=np.float16)
    for i in range(num_pictures):
        first, second = random.choice(len(WORDS), 2, replace=False)
        features[i, 0, first] = features[i, 3, second] = 1
        (folder / f"{name}{i}.png").touch()
        captions = [f"a {WORDS[first]} and a {WORDS[second]}", f"the {WORDS[second]}"]
        lines.append(json.dumps({"image": f"{name}{i}.png", "captions": captions}))
    (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    np.save(folder / f"{name}.npy", features)
    return str(folder / f"{name}.jsonl"), str(folder / f"{name}.npy")


@pytest.mark.parametrize("pool", ["mean", "mean+max"])
def test_features_that_tell_the_words_are_learnt(
    baseline: ModuleType, tmp_path: Path, pool: str
) -> None:
    train, train_features = make_split(tmp_path, "train", 60, seed=0)
    test, test_features = make_split(tmp_path, "test", 12, seed=1)
    data = ["--train", train, "--test", test]
    arrays = ["--features-train", train_features, "--features-test", test_features]
    options = [*data, *arrays, "--pool", pool]
    result = CliRunner().invoke(baseline.main, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["num_images"], answer["num_captions"]) == (12, 24)
    assert answer["words"] == len(WORDS)
    # Chance is 42 and 83; captions of one word fit several pictures.
    assert answer["text_to_image"]["R@5"] > 90
    assert answer["image_to_text"]["R@5"] > 90


def test_features_of_other_pictures_are_an_error(baseline: ModuleType, tmp_path: Path) -> None:
    train, train_features = make_split(tmp_path, "train", 6, seed=0)
    test, _ = make_split(tmp_path, "test", 3, seed=1)
    data = ["--train", train, "--test", test]
    arrays = ["--features-train", train_features, "--features-test", train_features]
    result = CliRunner().invoke(baseline.main, [*data, *arrays, "--min-captions", "1"])
    assert result.exit_code == 1
    assert "one row for each of the 3 pictures" in result.stderr
