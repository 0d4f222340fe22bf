"""Training what rebuilds pictures: batches, losses, runs that stop and go on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lexret.config.rebuild import RebuildConfig, load_rebuild_recipe
from lexret.encoders.lexical_model import LexicalModel
from lexret.errors import InputError
from lexret.rebuild.folder import load_rebuild_model
from lexret.rebuild.prepared import PreparedPictures
from lexret.training.rebuild.batches import batch_rows, training_batch
from lexret.training.rebuild.learner import RebuildLearner, RebuildLosses
from lexret.training.rebuild.loop import train_rebuild
from lexret.training.rebuild.losses import query_loss

RECIPES = Path(__file__).parents[2] / "training" / "recipes"


class Quiet:
    """Observer that keeps the steps it is told."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def features(self, name: str, done: int, total: int) -> None: ...

    def rebuilt(self, step: int, num_steps: int, losses: RebuildLosses) -> None:
        self.steps.append(step)


def changed(config: RebuildConfig, part: str, **values: object) -> RebuildConfig:
    table = getattr(config, part).model_copy(update=values)
    return config.model_copy(update={part: table})


def test_each_picture_comes_once_a_pass() -> None:
    seen = np.concatenate([batch_rows(step, 11, 5, seed=1) for step in range(2)])
    assert len(set(seen.tolist())) == 10
    assert batch_rows(2, 11, 5, 1).tolist() != batch_rows(0, 11, 5, 1).tolist()
    with pytest.raises(InputError, match="4 pictures to train on, fewer than"):
        batch_rows(0, 4, 5, 1)


def test_a_batch_is_a_function_of_the_step(
    pictures: PreparedPictures, config: RebuildConfig
) -> None:
    first, again, other = (training_batch(pictures, config, step) for step in (3, 3, 4))
    assert all(torch.equal(getattr(first, part), getattr(again, part)) for part in vars(first))
    assert not torch.equal(first.pixels_B3SS, other.pixels_B3SS)


def test_a_batch_keeps_and_drops_what_the_configuration_says(
    pictures: PreparedPictures, config: RebuildConfig
) -> None:
    network = config.network.model_copy(
        update={
            "cells": config.network.cells.model_copy(update={"drop": 1.0}),
            "words": config.network.words.model_copy(update={"drop": 0.0, "budgets": (3,)}),
            "soft": config.network.soft.model_copy(update={"drop": 0.0, "tail_drop": False}),
        }
    )
    batch = training_batch(pictures, config.model_copy(update={"network": network}), 0)
    assert not batch.has_cells_B.any()
    assert batch.word_weights_BK.shape == (4, 3)
    assert (batch.word_weights_BK[:, 0] == 1).all()
    assert batch.num_soft_B.tolist() == [3, 3, 3, 3]
    without = changed(config, "train", text_drop=1.0, flip=False)
    assert (training_batch(pictures, without, 0).text_ids_BT == -1).all()


def test_tail_drop_keeps_one_to_all_soft_tokens(
    pictures: PreparedPictures, config: RebuildConfig
) -> None:
    soft = config.network.soft.model_copy(update={"drop": 0.0})
    changed_config = changed(config, "network", soft=soft)
    counts = torch.cat([training_batch(pictures, changed_config, i).num_soft_B for i in range(30)])
    assert set(counts.tolist()) == {1, 2, 3}


def test_mirrored_pictures_have_mirrored_features(
    pictures: PreparedPictures, config: RebuildConfig
) -> None:
    mirrored = training_batch(pictures, config, 0)
    plain = training_batch(pictures, changed(config, "train", flip=False), 0)
    flipped = [
        not torch.equal(mine, theirs)
        for mine, theirs in zip(mirrored.pixels_B3SS, plain.pixels_B3SS, strict=True)
    ]
    assert any(flipped)
    for i, is_flipped in enumerate(flipped):
        pixels = plain.pixels_B3SS[i].flip(2) if is_flipped else plain.pixels_B3SS[i]
        fields = plain.coarse_BRF[i].view(3, 3, -1)
        fields = fields.flip(1) if is_flipped else fields
        assert torch.equal(mirrored.pixels_B3SS[i], pixels)
        assert torch.equal(mirrored.coarse_BRF[i].view(3, 3, -1), fields)


def test_the_query_loss_by_hand() -> None:
    dense = torch.eye(2)
    vectors = torch.tensor([[3.0, 0.0], [4.0, 3.0]])
    everybody = query_loss(vectors, dense, torch.tensor([True, True]), 1.0)
    first = 0 - torch.log_softmax(torch.tensor([1.0, 0.0]), 0)[0]
    second = 0.4 - torch.log_softmax(torch.tensor([0.8, 0.6]), 0)[1]
    torch.testing.assert_close(everybody, (first + second) / 2)
    torch.testing.assert_close(query_loss(vectors, dense, torch.tensor([True, False]), 1.0), first)


def test_a_run_that_is_cut_off_is_bit_for_bit_an_uninterrupted_one(
    config: RebuildConfig, tmp_path: Path
) -> None:
    whole = train_rebuild(config, tmp_path / "whole", Quiet())
    assert whole.finished
    for _ in range(2):
        part = train_rebuild(config, tmp_path / "cut", Quiet(), stop_after=3)
    assert part.finished
    for name in ("state/state.safetensors", "model/rebuild.safetensors"):
        mine, theirs = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    told = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "cut")]
    losses = [json.loads(text.splitlines()[-1])["total"] for text in told]
    assert losses[0] == losses[1]


def test_a_run_of_another_configuration_is_refused(config: RebuildConfig, tmp_path: Path) -> None:
    train_rebuild(config, tmp_path / "run", Quiet(), stop_after=1)
    with pytest.raises(InputError, match="another configuration"):
        train_rebuild(changed(config, "train", lr=0.5), tmp_path / "run", Quiet())


def test_a_run_without_data_says_what_to_name(config: RebuildConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No pictures to train on"):
        train_rebuild(changed(config, "data", train=()), tmp_path / "run", Quiet())


def test_training_leaves_frozen_parts_as_they_are(
    config: RebuildConfig, lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    learner = RebuildLearner(config, lexical)
    model = learner.model
    assert model.texts is not None
    frozen = {"words": model.word_vectors_VW, "entries": model.network.quantizer.vectors_EH,
              **dict(model.texts.named_parameters())}  # fmt: skip
    before = {name: tensor.detach().clone() for name, tensor in frozen.items()}
    optimizer = torch.optim.SGD(learner.trainable().values(), lr=0.1)
    learner.backward(training_batch(pictures, config, 0), 0)
    optimizer.step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.items())
    assert all(name.startswith("network.") for name in learner.trainable())


def test_losses_fall_on_the_pictures_themselves(
    config: RebuildConfig, lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    learner = RebuildLearner(config, lexical)
    optimizer = torch.optim.AdamW(learner.trainable().values(), lr=1e-2)
    batch = training_batch(pictures, config, 0)
    told = []
    for step in range(25):
        optimizer.zero_grad()
        told.append(learner.backward(batch, step).absolute)
        optimizer.step()
    assert told[-1] < 0.6 * told[0]


def test_perceptual_and_adversarial_losses_are_switches(
    config: RebuildConfig, lexical: LexicalModel, pictures: PreparedPictures
) -> None:
    both = changed(config, "loss", perceptual=1.0, perceptual_every=2, perceptual_pictures=2,
                   adversarial=0.1, adversarial_start=1)  # fmt: skip
    learner = RebuildLearner(both, lexical)
    judge = learner.discriminator
    assert judge is not None
    told = []
    for step in range(2):
        learner.zero_grad()
        told.append(learner.backward(training_batch(pictures, both, step), step))
    assert told[0].perceptual > 0 == told[0].discriminator
    assert told[1].perceptual == 0 < told[1].discriminator
    assert all(parameter.grad is not None for parameter in judge.parameters())
    # The rebuilt pictures' loss must not teach the discriminator.
    own = [parameter.grad.clone() for parameter in judge.parameters() if parameter.grad is not None]
    learner.zero_grad()
    batch = training_batch(pictures, both, 1)
    learner.backward(batch, 1)
    again = [parameter.grad for parameter in judge.parameters()]
    for mine, theirs in zip(own, again, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("name", ["rebuild.toml", "rebuild-papers.toml"])
def test_a_shipped_recipe_runs_at_a_reduced_width(
    name: str, config: RebuildConfig, lexical: LexicalModel, tmp_path: Path
) -> None:
    soft = load_rebuild_recipe(RECIPES / name).network.soft
    assert soft.num_tokens == {"rebuild.toml": 16, "rebuild-papers.toml": 75}[name]
    recipe = load_rebuild_recipe(
        RECIPES / name,
        ["network.widths=[8,8,16]", "network.attention_heads=2", "network.soft.num_heads=2",
         "network.blocks=1", "train.steps=2", "train.batch_size=2", "train.precision=float32",
         # The tiny text transformer has no more places.
         f"network.soft.num_tokens={min(40, soft.num_tokens)}",
         "loss.adversarial_start=1"],
    )  # fmt: skip
    data = config.data.model_copy(update={"prepared": "", "feature_cache": ""})
    recipe = recipe.model_copy(update={"model": config.model, "data": data})
    outcome = train_rebuild(recipe, tmp_path / "run", Quiet())
    model = load_rebuild_model(outcome.model, lexical)
    assert model.config.cells.count == {"rebuild.toml": 64, "rebuild-papers.toml": 256}[name]
    assert outcome.finished


def test_words_that_do_not_fit_are_named(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('kind = "rebuild"\n[network]\nside = 60\nwidth = 3\n', encoding="utf-8")
    with pytest.raises(InputError, match="did you mean widths"):
        load_rebuild_recipe(recipe)
    with pytest.raises(InputError, match="multiple of 8"):
        recipe.write_text('kind = "rebuild"\n[network]\nside = 60\n', encoding="utf-8")
        load_rebuild_recipe(recipe)
