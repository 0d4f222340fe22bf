"""Resumable training state: safetensors and JSON in one folder, replaced atomically.

Holds the trained tensors in float32, AdamW's moments, the moving average and the step. Learning
rates, data order and dropout are functions of the step and are not stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lexret.errors import CorruptError, MismatchError, StorageError
from lexret.files.folders import standing_folder, whole_folder
from lexret.files.text import parse_json
from lexret.training.average import Trained, WeightAverage

_FORMAT = 1
_MOMENT = "adamw."


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Attributes:
        step: how many steps are done.
        evaluated: after how many steps the last evaluation was done.
        best: the record of the best evaluation.
    """

    step: int
    evaluated: int
    best: dict[str, Any]


def save_state(
    folder: Path,
    learner: Trained,
    optimizer: torch.optim.AdamW,
    average: WeightAverage | None,
    *,
    progress: Progress,
    config_json: str,
) -> None:
    """Write the state of a run durably; the previous one stays until this one is whole.

    Raises:
        StorageError: if writing fails.
    """
    tensors = {}
    for name, parameter in learner.trainable().items():
        tensors[f"parameter/{name}"] = parameter.detach().contiguous()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{_MOMENT}{key}/{name}"] = torch.as_tensor(value).contiguous()
    if average is not None:
        tensors |= {f"average/{name}": t.contiguous() for name, t in average.tensors().items()}
    meta = {"format": _FORMAT, "config": config_json, **asdict(progress)}
    try:
        with whole_folder(folder) as fresh:
            save_file(tensors, fresh / "state.safetensors")
            (fresh / "state.json").write_text(json.dumps(meta, indent=2), encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise StorageError(f"Cannot write the training state to {folder}: {error}.") from error


def load_state(
    folder: Path,
    learner: Trained,
    optimizer: torch.optim.AdamW,
    average: WeightAverage | None,
    *,
    config_json: str,
) -> Progress:
    """Put a saved state back in place, and return how far the run had come.

    Raises:
        MismatchError: if it was saved by a run of another configuration.
        CorruptError: if a file is damaged.
    """
    source = standing_folder(folder)
    try:
        meta = parse_json((source / "state.json").read_text(encoding="utf-8"))
        tensors = load_file(source / "state.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise CorruptError(f"The training state in {source} cannot be read: {error}.") from error
    if meta.get("format") != _FORMAT:
        raise CorruptError(f"{source} has format {meta.get('format')!r}; expected {_FORMAT}.")
    if meta["config"] != config_json:
        raise MismatchError(
            f"The run in {folder.parent} was started with another configuration. Resume with the "
            "same recipe and --set values, or choose another --run folder."
        )
    step = int(meta["step"])
    try:
        _restore(tensors, learner, optimizer)
        if average is not None:
            average.restore(_of_kind(tensors, "average"), num_steps=step)
    except KeyError as error:
        raise CorruptError(f"The training state in {source} is of another network.") from error
    # States of older versions were not saved between a step and its evaluation.
    return Progress(step, int(meta.get("evaluated", step)), dict(meta["best"]))


def has_state(folder: Path) -> bool:
    """Tell whether there is a state to resume from."""
    return (standing_folder(folder) / "state.json").is_file()


def _of_kind(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Return the tensors of one kind by the names of their parameters."""
    prefix = f"{kind}/"
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _restore(tensors: Mapping[str, Tensor], learner: Trained, optimizer: torch.optim.AdamW) -> None:
    """Put parameters and AdamW's moments back.

    Raises:
        KeyError: if they are of other parameters.
    """
    parameters, saved = learner.trainable(), _of_kind(tensors, "parameter")
    if different := parameters.keys() ^ saved.keys():
        raise KeyError(min(different))
    with torch.no_grad():
        for name, tensor in saved.items():
            parameters[name].copy_(tensor)
    for place, tensor in tensors.items():
        kind, _, name = place.partition("/")
        if kind.startswith(_MOMENT):
            parameter, key = parameters[name], kind.removeprefix(_MOMENT)
            # AdamW counts steps on the processor.
            device = "cpu" if key == "step" else parameter.device
            optimizer.state[parameter][key] = tensor.to(device)
