"""``lexret eval faithfulness`` with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from lexret.cli.main import main


def faithfulness(*arguments: object) -> Result:
    words = ["eval", "faithfulness", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_both_curves_are_told(picture_folder: Path, tiny_model_folder: Path) -> None:
    options = (picture_folder, "--model", tiny_model_folder, "--steps", 3)
    result = faithfulness(*options, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert len(answer["deletion"]["named_curve"]) == 4
    assert answer["insertion"]["named_curve"][-1] == 1.0
    assert "deletion (smaller is better)" in faithfulness(*options).stdout


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    result = faithfulness(tmp_path)
    assert result.exit_code == 2
    assert "no picture" in result.stderr
