"""Two processes against one: the same batches, losses and weights; and what only one may do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lexret.captions.sources import open_captions
from lexret.config import RunConfig, merged
from lexret.encoders.image.feature_cache import cached_features
from lexret.errors import InputError
from lexret.training.distributed import Processes, leads, started_processes
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.reading.batches import BatchSource
from lexret.vocabulary import Vocabulary
from tests.encoders.test_lexvla import save_tiny_llama

ROOT = Path(__file__).parents[2]

_TRAIN = """
import pathlib, sys
from lexret.config import RunConfig
from lexret.training.loop import train
from lexret.training.observer import SilentObserver

config, run, stop_after = sys.argv[1:]
config = RunConfig.model_validate_json(pathlib.Path(config).read_text())
train(config, pathlib.Path(run), SilentObserver(), stop_after=int(stop_after), device="cpu")
"""


@pytest.fixture
def certain_values(recipe_values: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The tiny recipe with every loss, in parts, and without dropout, whose masks differ."""
    text = tmp_path / "text"
    shutil.copytree(recipe_values["model"]["text"]["backbone"], text)
    described = json.loads((text / "config.json").read_text())
    described |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (text / "config.json").write_text(json.dumps(described))
    changes = {
        "model": {"text": {"backbone": str(text)}, "image": {"dropout": 0.0}},
        # The same features for all: another number of threads rounds them to float16 otherwise.
        "data": {"feature_cache": str(tmp_path / "features")},
        "train": {
            "dense_epochs": 1,
            "dense_weight": 0.3,
            "captions_per_image": 2,
            "distill_weight": 0.2,
            "anchor_weight": 0.2,
            "micro_batch": 2,
        },
    }
    return merged(recipe_values, changes)


def in_processes(num_processes: int, arguments: Sequence[str]) -> None:
    """Run Python once for each process, as torchrun would start them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(num_processes),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    started = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
        )
        for rank in range(num_processes)
    ]
    said = [process.communicate(timeout=900)[1].decode() for process in started]
    # Where one fails the others fail after it: all of them are shown.
    assert [process.returncode for process in started] == [0] * num_processes, "\n".join(said)


def steps_of(run: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [record for record in records if record.pop("kind") == "step"]


def dev_of(run: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [record for record in records if record["kind"] == "dev"]


@pytest.mark.slow
def test_two_processes_with_half_a_batch_each_train_as_one_with_the_whole(
    certain_values: dict[str, Any], tmp_path: Path
) -> None:
    config = RunConfig.model_validate(certain_values)
    (tmp_path / "config.json").write_text(config.to_json())
    train(config, tmp_path / "one", SilentObserver(), device="cpu")
    arguments = ["-c", _TRAIN, str(tmp_path / "config.json"), str(tmp_path / "two")]
    in_processes(2, [*arguments, "3"])
    assert len(steps_of(tmp_path / "two")) == 3
    in_processes(2, [*arguments, "0"])  # resumed
    alone, together = steps_of(tmp_path / "one"), steps_of(tmp_path / "two")
    assert len(alone) == len(together) == 6
    for name in (
        "penalty_image",
        "penalty_text",
        "caption_words",
        "dense",
        "distillation",
        "anchor",
    ):
        assert alone[-1][name] > 0
    for mine, theirs in zip(alone, together, strict=True):
        assert theirs == pytest.approx(mine, rel=2e-5, abs=1e-6)
    evaluated = [dev_of(tmp_path / run) for run in ("one", "two")]
    assert len(evaluated[0]) == 2
    assert evaluated[0] == evaluated[1]  # each process encoded its part of the dev split
    weights = [load_file(tmp_path / run / "state" / "state.safetensors") for run in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    described = json.loads((tmp_path / "two" / "environment.json").read_text())
    assert described["processes"] == 2
    assert described["head_kernel"] == "torch"


_SHARDED = """
import json, pathlib, sys
import lexret.training.preparation as preparation
from lexret.config import RunConfig
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.text_sharding import num_held, shard_frozen

config, run = (pathlib.Path(argument) for argument in sys.argv[1:])

def counted(net, mesh):
    whole = num_held(net)
    shard_frozen(net, mesh)
    held = [whole, num_held(net)]
    (run.parent / f"held.{mesh.get_rank()}.json").write_text(json.dumps(held))

preparation.shard_frozen = counted
config = RunConfig.model_validate_json(config.read_text())
train(config, run, SilentObserver(), device="cpu")
"""


@pytest.mark.slow
def test_a_text_model_that_is_spread_over_two_processes_trains_as_a_whole_one(
    certain_values: dict[str, Any], tmp_path: Path
) -> None:
    with torch.random.fork_rng():
        save_tiny_llama(tmp_path / "llama")
    text = {
        "backbone": str(tmp_path / "llama"),
        "pooling": "last",
        "lora_rank": 2,
        "lora_dropout": 0.0,
        "lora_targets": ["q_proj", "v_proj"],
    }
    settings = {"epochs": 1, "dense_epochs": 0, "gradient_checkpointing": True}
    changes = {"model": {"text": text}, "train": settings}
    values = merged(certain_values, changes)
    train(RunConfig.model_validate(values), tmp_path / "one", SilentObserver(), device="cpu")
    values = merged(values, {"train": {"shard_text": True}})
    (tmp_path / "config.json").write_text(RunConfig.model_validate(values).to_json())
    in_processes(2, ["-c", _SHARDED, str(tmp_path / "config.json"), str(tmp_path / "two")])
    for rank in range(2):
        whole, held = json.loads((tmp_path / f"held.{rank}.json").read_text())
        assert whole > 1_000_000
        assert 0.49 * whole < held < 0.52 * whole  # LoRA stays whole in each
    for mine, theirs in zip(steps_of(tmp_path / "one"), steps_of(tmp_path / "two"), strict=True):
        assert theirs == pytest.approx(mine, rel=1e-4, abs=1e-6)
    assert dev_of(tmp_path / "one") == dev_of(tmp_path / "two")
    saved = load_file(tmp_path / "two" / "model" / "model.safetensors")
    assert any(".lora_" in name for name in saved)


@pytest.mark.slow
def test_torchrun_starts_the_command(recipe_values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(_toml(recipe_values))
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    # torchrun would take --run for one of its own options, but for the two dashes.
    command += ["-m", "--", "lexret", "train", str(tmp_path / "config.toml"), "--device", "cpu"]
    process = subprocess.run(
        [sys.executable, *command, "--run", str(tmp_path / "run"), "--set", "train.epochs=1"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr.decode()
    assert process.stdout.decode().count("Best model") == 1
    assert len(steps_of(tmp_path / "run")) == 2


def _toml(values: dict[str, Any], prefix: str = "") -> str:
    lines = [f"[{prefix}]"] if prefix else []
    lines += [f"{k} = {json.dumps(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for key, value in values.items():
        if isinstance(value, dict):
            lines.append(_toml(value, f"{prefix}.{key}" if prefix else key))
    return "\n".join(lines)


def test_the_shares_of_a_batch_are_the_batch(recipe: RunConfig, tmp_path: Path) -> None:
    captions = open_captions(recipe.data.train)
    vocabulary = Vocabulary.load(Path(recipe.model.vocabulary))
    features = cached_features(captions, recipe.model.image, tmp_path)

    def batch_of(processes: Processes) -> Any:
        return BatchSource(
            captions, [features], vocabulary, recipe.train, processes=processes
        ).batch(3)

    whole = batch_of(Processes())
    shares = [batch_of(Processes(rank, 3)) for rank in range(3)]
    assert [text for share in shares for text in share.texts] == whole.texts
    for field in ("features_BPF", "owners_T", "shares_BV", "readable_B"):
        joined = torch.cat([getattr(share, field) for share in shares])
        assert torch.equal(joined, getattr(whole, field)), field


@pytest.mark.parametrize(("num_items", "size"), [(12, 2), (7, 3), (2, 4), (0, 2)])
def test_the_parts_of_all_processes_are_the_whole(num_items: int, size: int) -> None:
    items = list(range(num_items))
    parts = [items[Processes(rank, size).part(num_items)] for rank in range(size)]
    assert [item for part in parts for item in part] == items
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1


def test_a_batch_that_cannot_be_shared_evenly_is_an_error() -> None:
    assert Processes(1, 2).share(6) == slice(3, 6)
    with pytest.raises(InputError, match=r"train\.batch_size is 6 .* 4 of them cannot share"):
        Processes(0, 4).share(6)


def test_alone_there_is_one_process_that_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert leads()
    monkeypatch.setenv("RANK", "1")
    assert not leads()
    monkeypatch.delenv("RANK")
    with started_processes("cpu") as processes:
        assert (processes.size, processes.leads, processes.device.type) == (1, True, "cpu")
        rows = torch.ones(2, 3)
        assert processes.gather(rows) is rows


def test_a_device_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match="No device is called 'gpu'"), started_processes("gpu"):
        pass
    with pytest.raises(InputError, match="does not compute on 'meta'"), started_processes("meta"):
        pass
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(InputError, match=f"{missing} was asked for"), started_processes(missing):
        pass
