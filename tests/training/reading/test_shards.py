"""A run from shards, some of whose samples are broken."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lexret.config import RunConfig, merged
from lexret.training.loop import train
from lexret.training.observer import SilentObserver


@pytest.mark.parametrize("cached", [True, False])
def test_a_run_from_shards_lists_what_it_leaves_out(
    recipe_values: dict[str, Any], tmp_path: Path, cached: bool
) -> None:
    file = Path(recipe_values["data"]["train"])
    members: list[tuple[str, bytes]] = []
    for number, line in enumerate(file.read_text().splitlines()):
        item = json.loads(line)
        content = (file.parent / item["image"]).read_bytes()
        members.append((f"{number:04d}.png", content[:200] if number == 5 else content))
        if number != 7:
            members.append((f"{number:04d}.json", json.dumps(item).encode()))
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for name, content in members:
            described = tarfile.TarInfo(name)
            described.size = len(content)
            archive.addfile(described, io.BytesIO(content))
    data = {"train": f"webdataset:{tmp_path}", "dev": "", "cached": cached, "max_unreadable": 0.1}
    config = RunConfig.model_validate(merged(recipe_values, {"data": data}))
    outcome = train(config, tmp_path / "run", SilentObserver(), device="cpu")
    assert outcome.step == 3  # of 11 samples a batch of 6 an epoch
    skipped = (tmp_path / "run" / "skipped.jsonl").read_text().splitlines()
    assert [json.loads(line)["picture"] for line in skipped] == ["0.tar/0007"]
    told = (tmp_path / "run" / "unreadable.jsonl").read_text().splitlines()
    assert [json.loads(line)["picture"] for line in told] == ["0.tar/0005"]
