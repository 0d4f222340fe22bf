"""bfloat16 where the processor has it, and float32, said aloud, where it would be emulated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from lexret.cli.main import main
from lexret.config import RunConfig, merged
from lexret.training import precision
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.precision import EMULATED, quick_precision, usable_precision
from tests.training.test_run import _toml, steps_of

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


class Notes(SilentObserver):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(params=[True, False], ids=["native", "emulated"])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the processor is to have instructions for bfloat16."""
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: request.param)
    return bool(request.param)


def test_a_cpu_computes_in_bfloat16_only_with_instructions_for_it(native: bool) -> None:
    assert usable_precision("bfloat16", CPU) == ("bfloat16" if native else "float32")
    assert usable_precision("float32", CPU) == "float32"
    assert usable_precision("bfloat16", GPU) == "bfloat16"


def test_what_need_not_be_exact_is_quick_only_where_it_is(native: bool) -> None:
    with quick_precision():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if native else torch.float32)


def run_in(precision: str, values: dict[str, Any], run: Path) -> tuple[list[str], float]:
    """Take one step, and return what was noted and its loss."""
    config = RunConfig.model_validate(merged(values, {"train": {"precision": precision}}))
    observer = Notes()
    train(config, run, observer, stop_after=1, device="cpu")
    return observer.notes, float(steps_of(run)[0]["total"])


def test_a_run_records_and_tells_what_it_computes_in(
    native: bool, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    _, exact = run_in("float32", recipe_values, tmp_path / "exact")
    notes, loss = run_in("bfloat16", recipe_values, tmp_path / "run")
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["precision"] == ("bfloat16" if native else "float32")
    assert notes == ([] if native else [EMULATED])
    assert (loss == exact) == (not native)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["train"]["precision"] == "bfloat16"  # the recipe stays what it is


def test_the_command_says_it_on_stderr(
    recipe_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: False)
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(_toml(recipe_values), encoding="utf-8")
    arguments = ["--run", str(tmp_path / "run"), "--set", "train.precision=bfloat16"]
    arguments += ["--device", "cpu", "--stop-after", "1"]
    result = CliRunner().invoke(main, ["train", str(recipe), *arguments])
    assert result.exit_code == 0, result.output
    assert result.stderr.count(EMULATED) == 1
    assert EMULATED not in result.stdout
