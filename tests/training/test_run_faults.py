"""A run that is cut off anywhere, and given again, ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lexret.config import RunConfig
from lexret.encoders.folder.checkpoint import load_checkpoint
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from tests.faults import distinct, recorded

NUM_CRASHES = 12


def outcome(run: Path) -> tuple[str, list[dict[str, Any]]]:
    """The weights' hash, and the records but those of speed, which are never twice the same."""
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    learnt = [record for record in records if record["kind"] != "speed"]
    return load_checkpoint(run / "model").sha256, learnt


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/fd")
def test_a_run_that_is_cut_off_anywhere_ends_as_if_nothing_was(recipe: RunConfig) -> None:
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lexret-faults-", dir=place) as folder:
        root = Path(folder).resolve() / "root"
        root.mkdir()
        with recorded(root) as recorder:
            train(recipe, root / "run", SilentObserver())
        expected = outcome(root / "run")
        crashes = distinct(recorder.crashes)
        assert len(crashes) > 100
        for crash in random.Random(0).sample(crashes, NUM_CRASHES):
            crash.restore(root)
            train(recipe, root / "run", SilentObserver())
            assert outcome(root / "run") == expected, (crash.kind, crash.point)
            left = [path.name for path in root.rglob(".*.lexret-*")]
            assert left == [], (crash.kind, crash.point)
