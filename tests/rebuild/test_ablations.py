"""The table of what each part of rebuilding brings: rows are configurations, cells are means."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lexret.config.rebuild import RebuildConfig
from lexret.config.recipes import merged
from lexret.config.values import validated

SCRIPT = Path(__file__).parents[2] / "training" / "ablate_rebuild.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ablate_rebuild", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ablate_rebuild"] = module
    spec.loader.exec_module(module)
    return module


def test_every_row_is_a_configuration_and_measures_what_it_has(script: ModuleType) -> None:
    for name, row in script.ROWS.items():
        config = validated(RebuildConfig, merged(script.BASE, row.changes), name).network
        for choice in row.choices:
            assert not choice.words or config.words.use
            assert choice.soft <= config.soft.num_tokens
            assert choice.text == "none" or config.text == "captions"
            assert not choice.cells or config.cells.drop < 1


def test_a_cell_is_a_mean_with_the_least_and_the_most(script: ModuleType) -> None:
    assert script.spread([1.0], 1) == "1.0"
    assert script.spread([1.0, 2.0, 4.5], 2) == "2.50 (1.00-4.50)"


def test_a_table_takes_the_seeds_that_are_there(script: ModuleType) -> None:
    def measured(value: float) -> dict[str, Any]:
        names = ("psnr", "distance", "own_entry_10", "own_entry_rank", "own_caption_10",
                 "own_caption_rank", "entries")  # fmt: skip
        return {"figures": {"cells": dict.fromkeys(names, value)}, "mixed": {}}

    table = script.as_tables({("raw", 0): measured(2.0), ("raw", 1): measured(4.0)})
    assert "2 runs, seeds 0, 1" in table
    assert "| raw | cells | 3.00 (2.00-4.00) | 3.000 (2.000-4.000) |" in table
    assert "| learnt |" not in table
