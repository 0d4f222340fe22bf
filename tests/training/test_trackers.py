"""Trackers: what they are given, and that packages that are not there are named."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lexret.config import RunConfig
from lexret.errors import InputError, MissingPackageError
from lexret.training import trackers
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.trackers import figures_of, make_tracker


class Noting:
    """Keeps what it is given."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        self.config, self.closed = config, False
        self.points: list[tuple[int, dict[str, float]]] = []

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        assert not self.closed
        self.points.append((step, dict(figures)))

    def close(self) -> None:
        self.closed = True


def test_a_tracker_is_given_what_the_metrics_hold_and_is_closed(
    recipe: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Noting] = []

    def make(run: Path, config: Mapping[str, Any]) -> Noting:
        made.append(Noting(run, config))
        return made[-1]

    monkeypatch.setitem(trackers._MAKERS, "noting", make)
    small = recipe.train.model_copy(update={"max_steps": 2})
    config = recipe.model_copy(update={"train": small})
    train(config, tmp_path / "run", SilentObserver(), trackers=["noting", "noting"])
    (noting,) = made
    assert noting.closed
    assert noting.config == config.model_dump(mode="json")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert {record["kind"] for record in records} == {"step", "dev", "speed"}
    assert noting.points == [(record["step"], figures_of(record)) for record in records]
    (dev,) = (figures for _, figures in noting.points if "dev/text_to_image/R@1" in figures)
    assert 0 <= dev["dev/text_to_image/R@1"] <= 100


def test_figures_are_the_numbers_of_a_record_by_name() -> None:
    record = {"kind": "dev", "step": 3, "a": {"R@1": 1, "name": "x"}, "whole": True, "b": 0.5}
    assert figures_of(record) == {"dev/a/R@1": 1.0, "dev/b": 0.5}


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")]
)
def test_a_package_that_is_not_there_is_named(
    name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=f"pip install {name}"):
        make_tracker(name, tmp_path, {})


def test_an_unknown_tracker_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'mlflow'; expected one of tensorboard, wandb"):
        make_tracker("mlflow", tmp_path, {})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    tracker = make_tracker("tensorboard", tmp_path, {"a": 1})
    tracker.log(3, {"step/total": 0.5})
    tracker.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    (point,) = read.Scalars("step/total")
    assert (point.step, point.value) == (3, 0.5)


@pytest.mark.filterwarnings("ignore")
def test_wandb_goes_on_with_the_run_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for _ in range(2):
        tracker = make_tracker("wandb", tmp_path, {"a": 1})
        tracker.log(3, {"step/total": 0.5})
        tracker.close()
    assert (tmp_path / "wandb-id.txt").read_text().strip()
