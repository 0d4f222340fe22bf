"""``lexret eval sparsity`` and ``lexret eval exclusion`` with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.eval.options import called
from lexret.cli.main import main


def run(*arguments: object) -> Result:
    words = ["eval", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def captions_file(picture_folder: Path) -> Path:
    both = ["a dog on the beach", "a dog by the sea"]
    lines = [
        {"image": "red.png", "captions": both},
        {"image": "blue.jpg", "captions": both},
        {"image": "more/noise.png", "captions": ["a dog", "a dog in the grass"]},
    ]
    path = picture_folder / "captions.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def test_sparsity_writes_figure_table_and_numbers(
    captions_file: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--model", tiny_model_folder, "-o", out, "--budgets", "2,4")
    result = run("sparsity", captions_file, *options)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "sparsity.json", "sparsity.md", "sparsity.png", "words.tsv",
    }  # fmt: skip
    curve = json.loads((out / "sparsity.json").read_text())["curve"]
    assert [point["words"] for point in curve] == [2, 4, None]
    assert "postings a query" in result.stdout


def test_the_recorded_command_names_no_place_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = ["/usr/bin/lexret", "eval", "sparsity", "/home/me/c.jsonl", "-o", "runs/my out"]
    monkeypatch.setattr("sys.argv", typed)
    assert called() == "lexret eval sparsity .../c.jsonl -o 'runs/my out'"


@pytest.mark.parametrize("budgets", ["0", "a", "32,"])
def test_budgets_that_are_none_are_an_error(captions_file: Path, budgets: str) -> None:
    result = run("sparsity", captions_file, "-o", captions_file.parent, "--budgets", budgets)
    assert result.exit_code == 2


def test_exclusion_tells_both_kinds_of_queries(
    captions_file: Path, tiny_model_folder: Path
) -> None:
    # The first picture stands twice with both; one needs two pictures of X without Y.
    lines = captions_file.read_text().splitlines()
    extra = json.loads(lines[2]) | {"image": "more/../more/noise.png"}
    captions_file.write_text("\n".join([*lines, json.dumps(extra)]))
    result = run("exclusion", captions_file, "--model", tiny_model_folder, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert "dog without beach" in answer["queries"]
    assert {"X -Y", "X alone", "dense X - 1 Y"} <= set(answer["exclusion"])
    assert answer["exclusion"]["X -Y"]["Y"] <= 100
    table = run("exclusion", captions_file, "--model", tiny_model_folder).stdout
    assert "X without Y" in table
    assert "X +Y" in table


def test_too_few_pictures_are_an_error_with_status_2(
    captions_file: Path, tiny_model_folder: Path
) -> None:
    result = run("exclusion", captions_file, "--model", tiny_model_folder)
    assert result.exit_code == 2
    assert "a larger collection is needed" in result.stderr
