"""``lexret eval mixed`` on pictures with captions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main


@pytest.fixture
def arguments(tmp_path: Path, static_model_folder: Path) -> list[str]:
    said = ["a dog in the snow"] * 4 + ["a dog runs"] * 2 + ["a man in the snow"] * 2
    lines = []
    for number, caption in enumerate(said):
        Image.new("RGB", (40, 40), (30 * number, 9, 90)).save(tmp_path / f"{number}.png")
        lines.append(json.dumps({"image": f"{number}.png", "captions": [caption]}))
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    return ["eval", "mixed", str(tmp_path), "--model", str(static_model_folder)]


def test_all_kinds_are_measured_with_their_intervals(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["pictures"], told["queries"], told["text_encoder"]) == (8, 2, "static")
    assert len(told["results"]) == 6
    for one in told["results"]:
        low, high = one["interval"]
        assert 0 <= low <= one["right"] <= high <= 100


def test_the_table_says_what_was_asked(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, [*arguments, "--queries", "1"], catch_exceptions=False)
    assert "as search takes them" in result.stdout and "(control)" in result.stdout
    assert "Queries: 1; pictures: 8; static text encoder" in result.stdout


def test_captions_that_give_no_query_are_an_error(arguments: list[str], tmp_path: Path) -> None:
    text = (tmp_path / "captions.jsonl").read_text().replace("snow", "hall")
    (tmp_path / "captions.jsonl").write_text(text)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "no mixed query: expected three pictures" in result.stderr
