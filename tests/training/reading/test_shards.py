"""A run from shards, some of whose samples are broken."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexret.captions.shards import ShardCaptions
from lexret.captions.sources import open_captions
from lexret.config import DataConfig, RunConfig, merged
from lexret.errors import MissingError
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.reading.streaming import shard_shuffle


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


def write_shards(file: Path, folder: Path, per_shard: int) -> str:
    """Write the pictures of a captions file as shards; return their source."""
    lines = file.read_text().splitlines()
    for shard, first in enumerate(range(0, len(lines), per_shard)):
        with tarfile.open(folder / f"{shard}.tar", "w") as archive:
            for number, line in enumerate(lines[first : first + per_shard]):
                item = json.loads(line)
                picture = (file.parent / item["image"]).read_bytes()
                for name, content in (("png", picture), ("json", json.dumps(item).encode())):
                    described = tarfile.TarInfo(f"{first + number:04d}.{name}")
                    described.size = len(content)
                    archive.addfile(described, io.BytesIO(content))
    return f"webdataset:{folder}"


def test_a_streamed_run_reads_ahead_and_resumes_as_if_never_stopped(
    recipe_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shards").mkdir()
    source = write_shards(Path(recipe_values["data"]["train"]), tmp_path / "shards", 5)
    data = {"train": source, "dev": "", "cached": False, "stream_buffer": 4}
    changes = {"data": data, "train": {"batch_size": 2, "epochs": 2, "image_words": [8, 8]}}
    config = RunConfig.model_validate(merged(recipe_values, changes))
    opened: list[Path] = []
    plain = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *args, **kw: (opened.append(path), plain(path, *args, **kw))[1]
    )
    train(config, tmp_path / "whole", SilentObserver(), device="cpu")
    # Twelve steps in six windows; without a buffer each picture opens its shard.
    assert sum(path.suffix == ".tar" for path in opened) < 24
    train(config, tmp_path / "parts", SilentObserver(), device="cpu", stop_after=5)
    train(config, tmp_path / "parts", SilentObserver(), device="cpu")
    whole, parts = (
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("whole", "parts")
    )
    assert [r for r in whole if r["kind"] == "step"] == [r for r in parts if r["kind"] == "step"]


def test_the_order_of_a_stream_is_that_of_shards_mixed_within_windows() -> None:
    sizes, window = (50, 7, 43), 10
    order = shard_shuffle(sizes, window)(100, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(100))
    assert not np.array_equal(order, np.arange(100))
    shard_of = np.repeat([0, 1, 2], sizes)
    sorted_within = np.concatenate([np.sort(order[i : i + window]) for i in range(0, 100, window)])
    # Put back into order within its windows, a shard follows the other and is never returned to.
    shards = shard_of[order]
    firsts = shards[::window].tolist()
    seen = [shard for shard, before in zip(firsts, [-1, *firsts], strict=False) if shard != before]
    assert len(seen) == len(set(seen))
    assert (np.diff(sorted_within) == 1).mean() > 0.8
    assert np.array_equal(order, shard_shuffle(sizes, window)(100, np.random.default_rng(0)))


def test_what_is_held_is_read_without_the_shard(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "shards").mkdir()
    source = write_shards(Path(recipe_values["data"]["train"]), tmp_path / "shards", 5)
    captions = open_captions(source)
    assert isinstance(captions, ShardCaptions)
    assert captions.shard_sizes == (5, 5, 2)
    before = np.asarray(captions.image(6))
    captions.hold([6, 11, 2])
    for shard in (tmp_path / "shards").iterdir():
        shard.unlink()
    assert np.array_equal(np.asarray(captions.image(6)), before)
    captions.hold([11])
    assert captions.image(11).size == (64, 64)
    with pytest.raises(MissingError, match="no shard"):
        captions.image(6)


@pytest.mark.parametrize(
    "data",
    [{"train": "captions.jsonl", "cached": False}, {"train": "webdataset:x", "cached": True},
     {"train": "webdataset:x", "cached": False, "more": ["webdataset:y"]}],
)  # fmt: skip
def test_streams_are_of_one_source_of_shards(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="stream_buffer needs train = 'webdataset:"):
        DataConfig(stream_buffer=100, **data)
