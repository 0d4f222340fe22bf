"""``lexret eval few-shot`` on pictures with captions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """Twelve pictures of three shades of two colours; red ones show a dog, blue ones a car."""
    lines = []
    for number in range(12):
        is_dog, shade = number % 2, 200 + number
        name = f"{number}.png"
        Image.new("RGB", (40, 40), (shade, 9, 9) if is_dog else (9, 9, shade)).save(tmp_path / name)
        said = ["a dog", "one dog"] if is_dog else ["a car", "a red car"]
        lines.append(json.dumps({"image": name, "captions": said}))
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    return tmp_path / "captions.jsonl"


def test_all_methods_are_measured_on_the_same_tasks(
    captions: Path, static_model_folder: Path
) -> None:
    arguments = ["eval", "few-shot", str(captions), "--model", str(static_model_folder)]
    arguments += ["--ways", "2", "--seeds", "2"]
    result = CliRunner().invoke(main, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (measured,) = json.loads(result.stdout)
    rows = {(row["method"], row["words"], row["shots"]): row for row in measured["results"]}
    assert {method for method, _, _ in rows} == {
        "label",
        "without names",
        "nearest mean",
        "by name",
    }
    assert {words for _, words, _ in rows} == {5, 21, 64, None}
    assert {shots for _, _, shots in rows} == {1, 3}  # for 5, 8 pictures of a class are needed
    assert rows["nearest mean", None, 3]["accuracy"] == 100.0
    assert all(row["episodes"] == 20 for row in rows.values())


def test_the_table_stands_beside_what_is_published(
    captions: Path, static_model_folder: Path
) -> None:
    arguments = ["eval", "few-shot", str(captions), "--model", str(static_model_folder)]
    result = CliRunner().invoke(main, [*arguments, "--ways", "2", "--seeds", "1"])
    assert result.exit_code == 0 and "LLaMA-2 70B" in result.stdout
    assert "captions.jsonl" in result.stdout and "nearest mean" in result.stdout


def test_too_few_pictures_are_an_error(captions: Path, static_model_folder: Path) -> None:
    arguments = ["eval", "few-shot", str(captions), "--model", str(static_model_folder)]
    result = CliRunner().invoke(main, [*arguments, "--ways", "9"])
    assert result.exit_code == 2 and "too few classes" in result.stderr
