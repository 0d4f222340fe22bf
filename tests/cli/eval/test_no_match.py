"""``lexret eval no-match`` and ``lexret search --max-false-matches`` with a tiny model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.library.asking.calibration import Calibration, save_calibration

NAMES = ("dog", "car", "tree", "boat", "horse", "bird", "cat", "snow", "beach", "man")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def model_folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for i in range(24):
        pixels = np.tile(rng.integers(0, 256, (1, 1, 3), dtype=np.uint8), (16, 16, 1))
        Image.fromarray(pixels).save(folder / f"{i}.png")
        caption = f"a {NAMES[i % 10]} and a {NAMES[(i + 3) % 10]}"
        lines.append(json.dumps({"image": f"{i}.png", "captions": [caption]}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


def test_no_match_reports_both_errors_and_saves_a_calibration(
    photos: Path, model_folder: Path
) -> None:
    result = run("eval", "no-match", photos, "--model", model_folder, "--save", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert set(answer["calibrated"]["5%"]) == {"false_matches", "missed", "right"}
    assert answer["everything_counts"]["missed"] == 0.0
    assert (model_folder / "calibration.json").is_file()
    table = run("eval", "no-match", photos, "--model", model_folder)
    assert "flat cut-off" in table.stdout
    run("index", photos, "--model", model_folder)
    found = run("search", "a dog", "--index", photos, "--max-false-matches", "50%")
    assert found.exit_code in (0, 1), found.output


@pytest.mark.parametrize(("least", "status"), [(-1.0, 0), (99.0, 1)])
def test_a_search_without_enough_evidence_finds_nothing_and_says_so(
    photos: Path, model_folder: Path, least: float, status: int
) -> None:
    run("index", photos, "--model", model_folder)
    model_id = json.loads(run("info", "--index", photos, "--json").stdout)["model"]
    calibration = Calibration((1.0, 0.0, 0.0, 0.0, 0.0), (0.05,), (least,), 100, "data")
    save_calibration(model_folder, calibration, model_id=model_id, text_encoder="contextual")
    result = run("search", "a dog", "--index", photos, "--max-false-matches", "5%", "--json")
    assert result.exit_code == status, result.output
    assert bool(json.loads(result.stdout)["hits"]) == (status == 0)
    assert ("No picture among 24 surely shows 'a dog'" in result.stderr) == (status == 1)


def test_without_a_calibration_or_with_operators_it_is_an_error(
    photos: Path, model_folder: Path
) -> None:
    run("index", photos, "--model", model_folder)
    result = run("search", "a dog", "--index", photos, "--max-false-matches", "0.05")
    assert result.exit_code == 2
    assert "lexret eval no-match" in result.stderr
    result = run("search", "+dog car", "--index", photos, "--max-false-matches", "5%")
    assert result.exit_code == 2
    assert "judges plain texts" in result.stderr
    for share in ("0%", "five", "120%"):
        result = run("search", "dog", "--index", photos, "--max-false-matches", share)
        assert result.exit_code == 2
