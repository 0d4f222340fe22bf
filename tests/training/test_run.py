"""Whole runs: what they leave behind, and that interruptions do not change them."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from lexret.captions.sources import open_captions
from lexret.cli.main import main
from lexret.config import RunConfig, merged
from lexret.encoders import load_model
from lexret.encoders.image.feature_cache import cached_features
from lexret.errors import CorruptError, InputError, MismatchError, MissingError, StorageError
from lexret.eval.retrieval.recall import RetrievalResult
from lexret.training.distill.distillation import distill
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.training.reading.batches import BatchSource
from lexret.training.step import StepLosses
from lexret.vocabulary import Vocabulary


class Recorder(SilentObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.pictures: list[tuple[str, int, int]] = []
        self.steps: list[int] = []
        self.devs: list[int] = []

    def features(self, name: str, done: int, total: int) -> None:
        self.pictures.append((name, done, total))

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None:
        self.steps.append(step)

    def dev(self, step: int, result: RetrievalResult) -> None:
        self.devs.append(step)


def tensors_of(model: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(model).checkpoint.tensors)


def steps_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def learnt(run: Path) -> list[dict[str, Any]]:
    """The records but those of speed and memory, which are never twice the same."""
    return [record for record in steps_of(run) if record["kind"] != "speed"]


def test_a_run_leaves_config_metrics_curves_card_and_a_usable_model(
    recipe: RunConfig, tmp_path: Path
) -> None:
    recorder = Recorder()
    outcome = train(recipe, tmp_path / "run", recorder)
    assert recorder.steps == [1, 2, 3, 4, 5, 6]
    assert recorder.devs == [2, 4, 6]
    assert ("train, mirrored", 12, 12) in recorder.pictures
    run = tmp_path / "run"
    assert RunConfig.model_validate_json((run / "config.json").read_text()) == recipe
    assert [r["kind"] for r in steps_of(run)].count("step") == 6
    with Image.open(run / "curves.png") as curves:
        assert curves.width > 1000
    card = (outcome.model / "README.md").read_text()
    assert "12 pictures with 24 captions" in card
    assert str(Path(recipe.data.train).parent) not in card
    assert outcome.result is not None
    assert f"{outcome.result['text_to_image']['R@1']:.1f}" in card
    model = load_model(outcome.model)
    assert len(model.images.encode([Image.new("RGB", (50, 50), (200, 0, 0))]).row(0)) > 0
    assert model.texts.encode(["a red square"]).row(0).weight_of("red") > 0


def test_training_learns_to_tell_the_pictures_apart(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    longer = {
        "train": {
            "epochs": 30,
            "lr": 5e-3,
            "codebook_lr": 5e-3,
            "eval_every_epochs": 30,
            "image_words": None,
            "patch_dropout": 0.0,
            "checkpoint_every_steps": 100,
        }
    }
    train(RunConfig.model_validate(merged(recipe_values, longer)), tmp_path / "run", Recorder())
    losses = [r["contrastive"] for r in steps_of(tmp_path / "run") if r["kind"] == "step"]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    recipe: RunConfig, tmp_path: Path
) -> None:
    whole = train(recipe, tmp_path / "whole", Recorder())
    train(recipe, tmp_path / "cut", Recorder(), stop_after=3)
    again = Recorder()
    resumed = train(recipe, tmp_path / "cut", again)
    assert again.steps == [4, 5, 6]
    assert resumed.result == whole.result
    assert learnt(tmp_path / "cut") == learnt(tmp_path / "whole")
    expected, found = tensors_of(whole.model), tensors_of(resumed.model)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


class Interrupted(Recorder):
    """Presses Ctrl-C while it is told of a step or of its evaluation."""

    def __init__(self, kind: str, step: int) -> None:
        super().__init__()
        self.last = (kind, step)

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None:
        self._interrupt_at("step", step)

    def dev(self, step: int, result: RetrievalResult) -> None:
        self._interrupt_at("dev", step)

    def _interrupt_at(self, kind: str, step: int) -> None:
        if (kind, step) == self.last:
            raise KeyboardInterrupt


def test_a_run_that_is_interrupted_after_a_step_or_in_its_evaluation_goes_on_from_there(
    recipe: RunConfig, tmp_path: Path
) -> None:
    whole = train(recipe, tmp_path / "whole", Recorder())
    run = tmp_path / "cut"
    for kind, step in (("step", 3), ("step", 4), ("dev", 4), ("dev", 6)):
        with pytest.raises(KeyboardInterrupt):
            train(recipe, run, Interrupted(kind, step))
        assert json.loads((run / "state" / "state.json").read_text())["step"] == step
    last = Recorder()
    resumed = train(recipe, run, last)
    assert (last.steps, last.devs) == ([], [6])
    assert resumed.result == whole.result
    assert learnt(run) == learnt(tmp_path / "whole")
    expected, found = tensors_of(whole.model), tensors_of(resumed.model)
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_a_killed_run_goes_on_from_its_last_checkpoint(recipe: RunConfig, tmp_path: Path) -> None:
    whole = train(recipe, tmp_path / "whole", Recorder())
    (tmp_path / "config.json").write_text(recipe.to_json())
    code = f"""
import os, pathlib
from lexret.config import RunConfig
from lexret.training.distill.distillation import distill
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
class Killer(SilentObserver):
    def step(self, step, num_steps, losses):
        if step == 5:
            os.kill(os.getpid(), 9)
folder = pathlib.Path({str(tmp_path)!r})
config = RunConfig.model_validate_json((folder / "config.json").read_text())
train(config, folder / "killed", Killer())
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert process.returncode == -9, process.stderr.decode()
    again = Recorder()
    resumed = train(recipe, tmp_path / "killed", again)
    assert again.steps == [5, 6]
    assert learnt(tmp_path / "killed") == learnt(tmp_path / "whole")
    for name, tensor in tensors_of(whole.model).items():
        assert torch.equal(tensor, tensors_of(resumed.model)[name]), name


def test_a_finished_run_is_not_trained_again(recipe: RunConfig, tmp_path: Path) -> None:
    first = train(recipe, tmp_path / "run", Recorder())
    again = Recorder()
    second = train(recipe, tmp_path / "run", again)
    assert again.steps == []
    assert (first.step, first.result) == (second.step, second.result)


def test_a_run_folder_of_another_configuration_is_refused(
    recipe: RunConfig, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    train(recipe, tmp_path / "run", Recorder(), stop_after=1)
    other = RunConfig.model_validate(merged(recipe_values, {"train": {"seed": 1}}))
    with pytest.raises(
        InputError, match=r"another configuration \(train\.seed: \d+ there, 1 now\)"
    ):
        train(other, tmp_path / "run", Recorder())
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(MismatchError, match="another configuration"):
        train(other, tmp_path / "run", Recorder())


def test_a_run_that_failed_before_its_first_step_does_not_claim_the_folder(
    recipe: RunConfig, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    misspelt = merged(recipe_values, {"data": {"train": str(tmp_path / "captoins.jsonl")}})
    with pytest.raises(MissingError, match="captoins"):
        train(RunConfig.model_validate(misspelt), tmp_path / "run", Recorder())
    assert not (tmp_path / "run").exists()
    train(recipe, tmp_path / "run", Recorder(), stop_after=1)
    assert (tmp_path / "run" / "state").exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="claiming space is Linux's")
def test_a_disk_too_full_for_the_features_is_an_error(
    recipe: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, start: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(StorageError, match="No space left on device"):
        train(recipe, tmp_path / "run", Recorder())


def test_a_damaged_state_is_reported(recipe: RunConfig, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run", Recorder(), stop_after=2)
    state = tmp_path / "run" / "state" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(CorruptError, match="cannot be read"):
        train(recipe, tmp_path / "run", Recorder())


def test_without_a_dev_split_the_last_model_is_kept(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    config = RunConfig.model_validate(merged(recipe_values, {"data": {"dev": ""}}))
    outcome = train(config, tmp_path / "run", Recorder())
    assert outcome.step == 6
    assert outcome.result is None
    assert "nothing was measured" in (outcome.model / "README.md").read_text()


def test_batches_depend_on_seed_and_step_alone(recipe: RunConfig, tmp_path: Path) -> None:
    captions = open_captions(recipe.data.train)
    features = np.arange(12 * 9 * 4, dtype=np.float16).reshape(12, 9, 4)
    vocabulary = Vocabulary.load(Path(recipe.model.vocabulary))

    def source(seed: int) -> BatchSource:
        config = recipe.train.model_copy(update={"seed": seed})
        return BatchSource(captions, [features], vocabulary, config)

    first, second = source(0), source(0)
    second.batch(0)
    batch, same, other = first.batch(3), second.batch(3), source(1).batch(3)
    assert torch.equal(batch.features_BPF, same.features_BPF)
    assert batch.texts == same.texts
    assert batch.texts != other.texts
    assert batch.features_BPF.shape == (6, 6, 4)
    seen = torch.cat([first.batch(step).owners_T for step in (0, 1)])
    assert sorted(seen.tolist()) == list(range(12))


def test_texts_may_be_their_own_words_alone(recipe: RunConfig, tmp_path: Path) -> None:
    text = {**recipe.model.text.model_dump(), "words": "own", "lora_rank": 0}
    values = recipe.model_dump()
    values["model"]["text"] = text
    train(RunConfig.model_validate(values), tmp_path / "run", SilentObserver())
    model = load_model(tmp_path / "run" / "model")
    assert "dog" in model.vocabulary
    (vector,) = model.texts.encode(["A red dog on the dog"])
    held = {word.word: word.weight for word in vector.words(10)}
    assert held == pytest.approx({"red": 2**-0.5, "dog": 2**-0.5})
    with pytest.raises(InputError, match="nothing to imitate"):
        distill(
            tmp_path / "run" / "model", open_captions(recipe.data.train), tmp_path / "distilled"
        )


@pytest.mark.parametrize("penalty_on", ["normalised", "raw"])
def test_the_penalty_averages_what_it_is_told_to(
    penalty_on: str, recipe: RunConfig, tmp_path: Path
) -> None:
    changed = recipe.train.model_copy(
        update={"penalty_on": penalty_on, "penalty": "flops", "epochs": 1}
    )
    train(recipe.model_copy(update={"train": changed}), tmp_path / "run", SilentObserver())
    steps = [r for r in steps_of(tmp_path / "run") if r["kind"] == "step"]
    # The squared averages of vectors of length 1 add up to 1 at most.
    greatest = max(record["penalty_image"] for record in steps)
    assert (greatest <= 1.0) == (penalty_on == "normalised")


def test_a_run_whose_vocabulary_changed_under_its_name_is_refused(
    recipe: RunConfig, tmp_path: Path
) -> None:
    words = Path(recipe.model.vocabulary).read_text(encoding="utf-8").splitlines()
    mine = tmp_path / "mine.txt"
    mine.write_text("\n".join(words) + "\n", encoding="utf-8")
    model = recipe.model.model_copy(update={"vocabulary": str(mine)})
    config = recipe.model_copy(update={"model": model})
    train(config, tmp_path / "run", SilentObserver(), stop_after=1)
    mine.write_text("\n".join([words[1], words[0], *words[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(MismatchError, match=r"Vocabularies differ: the run in .* Choose another"):
        train(config, tmp_path / "run", SilentObserver())


def test_silent_words_are_asked_of_no_picture(recipe: RunConfig) -> None:
    captions = open_captions(recipe.data.train)
    vocabulary = Vocabulary.load(Path(recipe.model.vocabulary))
    features = np.zeros((12, 9, 4), np.float16)
    loud = BatchSource(captions, [features], vocabulary, recipe.train).batch(0).shares_BV
    hushed = BatchSource(
        captions, [features], vocabulary, recipe.train, silent_words=["square"]
    ).batch(0)
    assert loud is not None and hushed.shares_BV is not None
    square = vocabulary.term_id("square")
    assert float(loud[:, square].max()) == 1.0
    assert float(hushed.shares_BV[:, square].max()) == 0.0
    assert int((loud != hushed.shares_BV).any(0).sum()) == 1


def test_a_step_shows_one_rectangle_of_the_patches(recipe: RunConfig) -> None:
    captions = open_captions(recipe.data.train)
    vocabulary = Vocabulary.load(Path(recipe.model.vocabulary))
    # Each patch's features are its row and its column.
    places = np.stack(np.mgrid[:4, :4], axis=-1).reshape(16, 2)
    features = np.broadcast_to(places, (12, 16, 2)).astype(np.float16)
    config = recipe.train.model_copy(update={"region": 0.5, "patch_dropout": 0.0})
    source = BatchSource(captions, [features], vocabulary, config)
    shapes = set()
    for step in range(12):
        rows, columns = source.batch(step).features_BPF[0].T.numpy()
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert height >= 2 and width >= 2
        assert len(rows) == height * width
        shapes.add((int(height), int(width)))
    assert len(shapes) > 3


def test_fewer_pictures_than_a_batch_make_smaller_batches(
    recipe: RunConfig, tmp_path: Path
) -> None:
    told: list[str] = []

    class Noting(SilentObserver):
        def note(self, message: str) -> None:
            told.append(message)

    large = recipe.train.model_copy(update={"batch_size": 500, "epochs": 1})
    train(recipe.model_copy(update={"train": large}), tmp_path / "run", Noting())
    steps = [r for r in steps_of(tmp_path / "run") if r["kind"] == "step"]
    assert len(steps) == 1
    assert "fewer pictures than a batch of 500: batches are of 12" in " ".join(told)


def test_a_single_picture_is_an_error_before_anything_is_encoded(
    recipe: RunConfig, tmp_path: Path
) -> None:
    source = Path(recipe.data.train)
    line = json.loads(source.read_text(encoding="utf-8").splitlines()[0])
    line["image"] = str(source.parent / line["image"])
    (tmp_path / "one.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    data = recipe.data.model_copy(update={"train": str(tmp_path / "one.jsonl")})
    recorder = Recorder()
    with pytest.raises(InputError, match="hold 1 pictures for 1 processes; expected two each"):
        train(recipe.model_copy(update={"data": data}), tmp_path / "run", recorder)
    assert recorder.pictures == []


def test_steps_and_evaluations_are_as_many_as_asked_for(recipe: RunConfig, tmp_path: Path) -> None:
    changed = recipe.train.model_copy(update={"max_steps": 5, "eval_every_steps": 2})
    recorder = Recorder()
    train(recipe.model_copy(update={"train": changed}), tmp_path / "run", recorder)
    assert recorder.steps == [1, 2, 3, 4, 5]
    assert recorder.devs == [2, 4, 5]


def test_speed_and_memory_are_recorded(
    recipe: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexret.training.loop._SPEED_EVERY", 4)
    train(recipe, tmp_path / "run", SilentObserver(), stop_after=5)
    train(recipe, tmp_path / "run", SilentObserver())
    found = [r for r in steps_of(tmp_path / "run") if r["kind"] == "speed"]
    assert [record["step"] for record in found] == [4, 6]
    for record in found:
        assert record["pictures_per_second"] > 0
        assert 0 <= record["waiting"] <= 1
        assert record["memory_gb"] > 0.05


def test_a_time_limit_holds_while_features_are_made_and_what_is_made_stays(
    recipe: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexret.encoders.image.feature_cache._BATCH", 5)
    notes: list[str] = []

    class Noting(Recorder):
        def note(self, message: str) -> None:
            notes.append(message)

    first = Noting()
    outcome = train(recipe, tmp_path / "run", first, max_minutes=1e-9)
    assert outcome.result is None
    assert first.pictures == [("train", 5, 12)]
    assert "The time is up" in notes[0]
    second = Noting()
    train(recipe, tmp_path / "run", second, stop_after=1)
    assert second.pictures[0] == ("train", 10, 12)


def test_a_time_limit_stops_between_steps_and_the_run_goes_on(
    recipe: RunConfig, tmp_path: Path
) -> None:
    train(recipe, tmp_path / "whole", SilentObserver())
    made = recipe.data.model_copy(update={"feature_cache": str(tmp_path / "whole" / "features")})
    config = recipe.model_copy(update={"data": made})
    first = Recorder()
    train(config, tmp_path / "run", first, max_minutes=1e-9)
    assert first.steps == [1]
    train(config, tmp_path / "run", SilentObserver())
    mine, theirs = (tensors_of(tmp_path / run / "model") for run in ("run", "whole"))
    assert all(torch.equal(mine[name], tensor) for name, tensor in theirs.items())


def test_cached_features_are_built_once_and_told_apart_when_mirrored(
    recipe: RunConfig, tmp_path: Path
) -> None:
    captions = open_captions(recipe.data.train)
    calls: list[int] = []
    plain = cached_features(
        captions, recipe.model.image, tmp_path, progress=lambda done, total: calls.append(done)
    )
    assert plain.shape == (12, 9, 256)
    assert calls
    again = cached_features(
        captions, recipe.model.image, tmp_path, progress=lambda done, total: calls.append(-1)
    )
    assert -1 not in calls
    assert np.array_equal(plain, again)
    mirrored = cached_features(captions, recipe.model.image, tmp_path, mirrored=True)
    assert not np.array_equal(plain, mirrored)


def test_the_command_trains_from_a_recipe_and_says_where_the_model_is(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_file = tmp_path / "tiny.toml"
    recipe_file.write_text(_toml(recipe_values), encoding="utf-8")
    arguments = ["train", str(recipe_file), "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(main, [*arguments, "--set", "train.epochs=1"])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "run" / "model") in result.stdout
    assert "dev R@1/5/10" in result.stderr


def test_the_command_names_a_broken_line_of_the_captions(
    recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    broken = tmp_path / "captions.jsonl"
    broken.write_text('{"image": "a.png", "captions": ["x"\n', encoding="utf-8")
    recipe_file = tmp_path / "tiny.toml"
    recipe_file.write_text(_toml(recipe_values), encoding="utf-8")
    arguments = ["train", str(recipe_file), "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(main, [*arguments, "--set", f"data.train={broken}"])
    assert result.exit_code == 2
    assert f"{broken}:1" in result.stderr


def test_the_command_names_a_wrong_field(tmp_path: Path) -> None:
    recipe_file = tmp_path / "wrong.toml"
    recipe_file.write_text('preset = "mini"\n[train]\nepoch = 3\n', encoding="utf-8")
    result = CliRunner().invoke(main, ["train", str(recipe_file)])
    assert result.exit_code == 2
    assert "train.epoch" in result.stderr


def _toml(values: dict[str, Any], prefix: str = "") -> str:
    """Write nested plain values as TOML (JSON's scalars and lists are TOML's)."""
    flat = {k: v for k, v in values.items() if not isinstance(v, dict)}
    lines = [f"[{prefix}]"] if prefix else []
    lines += [f"{key} = {json.dumps(value)}" for key, value in flat.items()]
    for key, value in values.items():
        if isinstance(value, dict):
            lines.append(_toml(value, f"{prefix}.{key}" if prefix else key))
    return "\n".join(lines)
