"""The moving average of weights, by hand and through a saved state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lexret.config import RunConfig
from lexret.encoders.network import LexicalNetwork
from lexret.errors import CorruptError
from lexret.training.average import WeightAverage, warm_decay
from lexret.training.state import Progress, load_state, save_state
from lexret.training.step import Learner, make_optimizer
from lexret.vocabularies.sources import open_vocabulary

NAME = "log_temperature"


def a_learner(recipe: RunConfig) -> Learner:
    network = LexicalNetwork(recipe.model, open_vocabulary(recipe.model.vocabulary))
    return Learner(network, recipe.train)


def set_to(learner: Learner, value: float) -> None:
    with torch.no_grad():
        for parameter in learner.trainable().values():
            parameter.fill_(value)


def test_the_decay_rises_to_its_bound() -> None:
    assert [warm_decay(0.5, step) for step in (1, 2, 8, 80)] == [2 / 11, 3 / 12, 0.5, 0.5]
    assert warm_decay(0.97, 80) == 81 / 90


def test_an_average_follows_by_the_warm_decay_of_each_step(recipe: RunConfig) -> None:
    learner = a_learner(recipe)
    average = WeightAverage(learner, 0.25)
    for value in (1.0, 2.0, 4.0):
        set_to(learner, value)
        average.update()
    second = 1.0 * 2 / 11 + 2.0 * 9 / 11
    third = second * 0.25 + 4.0 * 0.75
    tensors = average.tensors()
    assert tensors.keys() == learner.trainable().keys()
    for tensor in tensors.values():
        torch.testing.assert_close(tensor, torch.full_like(tensor, third))
    assert all((p == 4.0).all() for p in learner.trainable().values())


def test_a_saved_average_goes_on_as_if_it_had_never_stopped(
    recipe: RunConfig, tmp_path: Path
) -> None:
    learner = a_learner(recipe)
    whole = WeightAverage(learner, 0.9)
    optimizer = make_optimizer(learner, recipe.train)
    for value in (1.0, 2.0):
        set_to(learner, value)
        whole.update()
    state = tmp_path / "state"
    save_state(
        *(state, learner, optimizer, whole),
        progress=Progress(2, 0, {"score": 0.0}),
        config_json="{}",
    )
    assert f"average/{NAME}" in load_file(state / "state.safetensors")
    other = a_learner(recipe)
    resumed = WeightAverage(other, 0.9)
    fresh = make_optimizer(other, recipe.train)
    progress = load_state(state, other, fresh, resumed, config_json="{}")
    assert progress == Progress(2, 0, {"score": 0.0})
    for own, average in ((learner, whole), (other, resumed)):
        set_to(own, 5.0)
        average.update()
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, resumed.tensors()[name]), name


@pytest.mark.parametrize("kind", ["average", "parameter"])
def test_a_state_without_a_parameter_is_of_another_network(
    recipe: RunConfig, tmp_path: Path, kind: str
) -> None:
    learner = a_learner(recipe)
    average, optimizer = WeightAverage(learner, 0.9), make_optimizer(learner, recipe.train)
    average.update()
    state = tmp_path / "state"
    save_state(*(state, learner, optimizer, average), progress=Progress(1, 0, {}), config_json="{}")
    tensors = load_file(state / "state.safetensors")
    del tensors[f"{kind}/{NAME}"]
    save_file(tensors, state / "state.safetensors")
    with pytest.raises(CorruptError, match="of another network"):
        load_state(state, learner, optimizer, average, config_json="{}")
