"""The script that copies recorded numbers into texts."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "eval" / "copy_numbers.py"
PATCHDIS = {
    "miou": 12.345,
    "interval": [10.0, 14.0],
    "pixel_accuracy": 30.0,
    "classes": {"dog": 12.345},
    "baselines": {"random": 1.0, "class_activation": None},
    "num_images": 3,
    "num_classes": {"asked": 2, "present": 1},
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("copy_numbers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(tmp_path: Path) -> Path:
    values = {
        "results": {"patchdis": {"things": PATCHDIS}},
        "provenance": {"model": "mini-1", "commit": "abc", "seed": 0},
    }
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "results.json").write_text(json.dumps(values))
    return tmp_path


def test_blocks_are_replaced_and_found_up_to_date(script: ModuleType, results: Path) -> None:
    text = results / "README.md"
    text.write_text("a\n<!-- eval: mini/patchdis/things -->\nold\n<!-- end of eval -->\nb\n")
    options = ["--results", str(results), str(text)]
    assert CliRunner().invoke(script.main, [*options, "--check"]).exit_code == 1
    assert CliRunner().invoke(script.main, options).exit_code == 0
    found = text.read_text()
    assert "| model | 12.35 (10.0 to 14.0) |" in found
    assert "IoU by class: dog 12.3. Never right: none." in found
    assert "old" not in found
    assert "mini-1, commit abc" in found
    assert (found.startswith("a\n"), found.endswith("-->\nb\n")) == (True, True)
    assert CliRunner().invoke(script.main, [*options, "--check"]).exit_code == 0


def test_what_was_not_recorded_is_an_error(script: ModuleType, results: Path) -> None:
    text = results / "README.md"
    for name in ("mini/patchdis/none", "none/patchdis/things"):
        text.write_text(f"<!-- eval: {name} -->\n<!-- end of eval -->\n")
        found = CliRunner().invoke(script.main, ["--results", str(results), str(text)])
        assert found.exit_code == 1
        assert "Error" in found.output


def test_a_summary_sets_model_and_ridge_side_by_side(script: ModuleType, results: Path) -> None:
    recall = {"R@1": 10.0, "R@5": 20.0, "R@10": 30.0, "mAP": 1.0, "median_rank": 3.0}
    both = {"text_to_image": recall, "image_to_text": recall | {"R@1": 11.0}}
    model = both | {"active_words": {"image": 63.6}}
    file = results / "mini" / "results.json"
    values = json.loads(file.read_text())
    values["results"]["retrieval"] = {
        "dev": {"model": {"all": model}, "baselines": {"ridge": both, "random": both}},
        "other": {"model": {"all": model}, "baselines": {}},
    }
    file.write_text(json.dumps(values))
    text = "<!-- eval: mini/summary/retrieval -->\n<!-- end of eval -->\n"
    rows = script.with_numbers(text, results).splitlines()[3:6]
    assert rows == [
        "| model, dev | 64 | 10.0/20.0/30.0 | 11.0/20.0/30.0 |",
        "| ridge baseline, dev |  | 10.0/20.0/30.0 | 11.0/20.0/30.0 |",
        "| model, other | 64 | 10.0/20.0/30.0 | 11.0/20.0/30.0 |",
    ]
