"""``lexret eval retrieval --trec`` and ``lexret eval runs``."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from lexret.cli.main import main


def run(*arguments: object) -> Result:
    words = ["eval", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_figures_of_written_runs_equal_those_of_retrieval(
    picture_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    lines = [
        {"image": "red.png", "captions": ["a red car", "red"]},
        {"image": "blue.jpg", "captions": ["the blue sea"]},
        {"image": "more/noise.png", "captions": ["snow", "a dog on the beach"]},
    ]
    (picture_folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    options = ("--model", tiny_model_folder, "--trec", tmp_path, "--json")
    retrieval = json.loads(run("retrieval", picture_folder, *options).stdout)
    for direction in ("text_to_image", "image_to_text"):
        qrels, found = tmp_path / f"{direction}.qrels", tmp_path / f"{direction}.run"
        result = run("runs", qrels, found, found, "--json")
        assert result.exit_code == 0, result.output
        answer = json.loads(result.stdout)
        figures = retrieval[direction]
        assert {name: answer[name] for name in figures} == figures
        low, high = retrieval["intervals"][direction]["R@1"]
        assert low <= figures["R@1"] <= high
        assert answer["differences"]["R@1"]["p_value"] == 1.0


def test_the_table_sets_two_runs_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("1 0 a 1\n2 0 b 1\n")
    (tmp_path / "one").write_text("1 Q0 a 1 0.9 x\n2 Q0 a 1 0.9 x\n")
    (tmp_path / "two").write_text("1 Q0 a 1 0.9 x\n2 Q0 b 1 0.9 x\n")
    result = run("runs", tmp_path / "qrels", tmp_path / "one", tmp_path / "two")
    assert result.exit_code == 0, result.output
    line = next(one for one in result.stdout.splitlines() if one.startswith("R@1 "))
    assert line.split()[1] == "50.00"
    assert "+50.00" in line
    alone = run("runs", tmp_path / "qrels", tmp_path / "one")
    assert "2 queries, median rank beyond the run" in alone.stdout


def test_a_missing_run_is_an_error_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("1 0 a 1\n")
    result = run("runs", tmp_path / "qrels", tmp_path / "none")
    assert result.exit_code == 2
    assert "There is no file" in result.stderr
