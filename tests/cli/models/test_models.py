"""``lexret models`` on the shipped model and a tiny one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main


def models(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def damaged(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model without its words."""
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "damaged"))
    (folder / "vocabulary.txt").write_text("dog\n", encoding="utf-8")
    return folder


def test_list_shows_shipped_models_and_those_of_folders(tiny_model_folder: Path) -> None:
    result = models("list", tiny_model_folder.parent)
    assert result.exit_code == 0
    rows = {row.split()[0]: row for row in result.stdout.splitlines()}
    assert "20,898" in rows["mini"] and "mini-" in rows["mini"]
    assert "not recorded" in rows["tiny"]
    values = json.loads(models("list", tiny_model_folder, "--json").stdout)
    assert [one["name"] for one in values["models"]][-1] == "tiny"
    assert values["models"][0]["recall"]["text_to_image"]["R@1"] > 0
    assert values["errors"] == []


def test_list_names_a_broken_record_and_goes_on(damaged: Path) -> None:
    (damaged / "model.json").write_text("{", encoding="utf-8")
    result = models("list", damaged)
    assert result.exit_code == 2
    assert "mini" in result.stdout
    assert "is not JSON" in result.stderr
    assert json.loads(models("list", damaged, "--json").stdout)["errors"]


def test_list_of_a_folder_without_models_is_an_error(tmp_path: Path) -> None:
    result = models("list", tmp_path)
    assert result.exit_code == 2
    assert "No model at" in result.stderr


def test_show_tells_parts_figures_and_licence() -> None:
    result = models("show")
    assert result.exit_code == 0
    assert "mini-" in result.stdout
    assert "english-21k" in result.stdout
    assert "dev text to image R@1" in result.stdout
    assert "Flickr8k" in result.stdout
    values = json.loads(models("show", "mini", "--json").stdout)
    assert values["config"]["name"] == "mini"
    assert values["licence"] and "card" not in values
    card = models("show", "--card").stdout
    assert card.startswith("# mini")
    assert json.loads(models("show", "--card", "--json").stdout)["card"] + "\n" == card


def test_show_of_a_model_without_a_card(tiny_model_folder: Path) -> None:
    assert "the model card says nothing" in models("show", tiny_model_folder).stdout
    assert "has no model card" in models("show", tiny_model_folder, "--card").stdout
    missing = models("show", "klingon")
    assert missing.exit_code == 2
    assert "mini" in missing.stderr


def test_verify_passes_a_whole_model(tiny_model_folder: Path) -> None:
    result = models("verify", tiny_model_folder, "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert values["ok"]
    assert {check["status"] for check in values["models"][0]["checks"]} == {"ok"}


def test_verify_ends_with_2_and_says_what_is_damaged(damaged: Path) -> None:
    result = models("verify", damaged)
    assert result.exit_code == 2
    (line,) = (line for line in result.stdout.splitlines() if " vocabulary.txt " in line)
    assert line.split()[0] == "damaged"
    assert f"damaged or incomplete: {damaged}" in result.stderr
    assert not json.loads(models("verify", damaged, "--json").stdout)["ok"]


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["show", "mini"]])
def test_list_and_show_need_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from lexret.cli.main import main; "
        f"main(['models', *{arguments!r}], standalone_mode=False); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_verify_passes_the_shipped_models() -> None:
    assert models("verify").exit_code == 0
