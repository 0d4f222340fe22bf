"""`eval/fit_labels.py`: curves of how sure labels are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lexret.library.labelling.sureness import Curve

SCRIPT = Path(__file__).parents[3] / "eval/fit_labels.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fit_labels", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fit_labels"] = module
    spec.loader.exec_module(module)
    return module


def test_the_curve_that_made_the_scores_is_found_again(script: ModuleType) -> None:
    random = np.random.default_rng(0)
    values = random.uniform(0, 1, 200_000)
    right = random.random(len(values)) < 1 / (1 + np.exp(-(9 * values - 5)))
    halves = [script.Scores(values[:90_000], right[:90_000]),
              script.Scores(values[90_000:], right[90_000:])]  # fmt: skip
    curve = script.fit(halves)
    assert curve.slope == pytest.approx(9, abs=0.2) and curve.offset == pytest.approx(-5, abs=0.1)


def test_what_is_sure_is_counted_over_all_halves(script: ModuleType) -> None:
    one = script.Scores(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    other = script.Scores(np.array([0.9, 0.2]), np.array([True, False]))
    told = script.held_out_of([one, other], [Curve(100.0, -50.0)] * 2)
    assert told.startswith("at 0.5: 67% right, 67% found")


def test_kinds_are_what_first_captions_say_and_few_photos_are_none(script: ModuleType) -> None:
    class Captions:
        def __len__(self) -> int:
            return 60

        def captions(self, i: int) -> list[str]:
            return [["a dog", "There is a dog", "the dog", "an owl"][min(i % 4, 3)], "more"]

    chosen = script.choose(Captions())
    assert list(chosen) == ["dog"] and len(chosen["dog"]) == script.MOST
