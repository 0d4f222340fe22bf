"""Moving average of a run's weights, which is what is evaluated and saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class Trained(Protocol):
    """Learner, as far as its average and its saved state go."""

    def trainable(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters that training changes, by name."""
        ...


class WeightAverage:
    """Exponential moving average of a learner's trained parameters.

    The frozen parts, which are much larger, are not copied.

    Args:
        decay: share of the average that a step keeps; see :func:`warm_decay`.
    """

    def __init__(self, learner: Trained, decay: float) -> None:
        self._names = tuple(learner.trainable())
        self._trained = nn.ParameterList(learner.trainable().values())
        self._averaged = AveragedModel(self._trained, multi_avg_fn=partial(_update, decay))

    def update(self) -> None:
        """Take the weights of one more step in; the first step's become the average."""
        self._averaged.update_parameters(self._trained)

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages by the parameters' names; they are not to be changed."""
        averages = (parameter.detach() for parameter in self._averaged.module.parameters())
        return dict(zip(self._names, averages, strict=True))

    def restore(self, tensors: Mapping[str, Tensor], *, num_steps: int) -> None:
        """Put back what :meth:`tensors` gave after so many steps.

        Raises:
            KeyError: if a parameter's average is missing.
        """
        for name, average in self.tensors().items():
            average.copy_(tensors[name])
        self._averaged.n_averaged.fill_(num_steps)


def warm_decay(decay: float, num_steps: int) -> float:
    """Return the decay after so many steps: lower early on, to forget the first weights quickly."""
    return min(decay, (1 + num_steps) / (10 + num_steps))


def _update(
    decay: float, averages: list[Tensor], parameters: list[Tensor], num_steps: Tensor | int
) -> None:
    share = 1.0 - warm_decay(decay, int(num_steps))
    with torch.no_grad():
        for average, parameter in zip(averages, parameters, strict=True):
            average.lerp_(parameter, share)


@contextmanager
def replaced_weights(learner: Trained, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Put tensors in the place of trained parameters for a while.

    Args:
        tensors: by the parameters' names; those that are not named stay.
    """
    trained = {name: p.detach().clone() for name, p in learner.trainable().items()}
    try:
        _put(learner, tensors)
        yield
    finally:
        _put(learner, trained)


def _put(learner: Trained, tensors: Mapping[str, Tensor]) -> None:
    parameters = learner.trainable()
    with torch.no_grad():
        for name, tensor in tensors.items():
            parameters[name].copy_(tensor)
