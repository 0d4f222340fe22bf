"""Text models that one GPU does not hold: their frozen weights are spread over the processes.

Each process keeps its part of every layer; the whole layer is gathered when it computes and let go
afterwards (fully sharded data parallel: Zhao et al., PVLDB 2023). What is trained, LoRA, stays
whole in every process and is averaged as everything else is. All processes must therefore put
texts through the model equally often.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lexret.errors import InputError
from lexret.training.distributed import Processes

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


@contextmanager
def machine_turn(processes: Processes) -> Iterator[None]:
    """Let the processes of a machine run a block one after the other.

    So a machine's main memory holds the text model once at a time, not once a process.
    """
    turns = int(os.environ.get("LOCAL_WORLD_SIZE", str(processes.size)))
    mine = int(os.environ.get("LOCAL_RANK", str(processes.rank)))
    for _ in range(mine):
        processes.wait()
    yield
    for _ in range(mine, turns):
        processes.wait()


def sharding_mesh(processes: Processes) -> DeviceMesh:
    """Return the mesh of all processes for :func:`shard_frozen`; they must call this together.

    Raises:
        InputError: if this PyTorch cannot leave what is trained whole.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if "ignored_params" not in inspect.signature(fully_shard).parameters:
        raise InputError(
            f"train.shard_text needs PyTorch 2.7 or later; this is {torch.__version__}."
        )
    return init_device_mesh(processes.device.type, (processes.size,))


def shard_frozen(net: nn.Module, mesh: DeviceMesh) -> None:
    """Spread a transformer's frozen weights over the processes of a mesh, layer by layer, in place.

    Nothing is exchanged: each process cuts its part out of what it has loaded.

    Raises:
        InputError: if the transformer has no list of layers.
    """
    from torch.distributed.fsdp import fully_shard

    shard: Any = fully_shard
    trained = {parameter for parameter in net.parameters() if parameter.requires_grad}
    for layer in _layers(net):
        shard(layer, mesh=mesh, ignored_params=trained)
    shard(net, mesh=mesh, ignored_params=trained)


def _layers(net: nn.Module) -> nn.ModuleList:
    lists = [module for module in net.modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise InputError(
            "train.shard_text: the text model has no list of layers to spread; leave it out."
        )
    return max(lists, key=lambda found: sum(p.numel() for p in found.parameters()))


def num_held(net: nn.Module) -> int:
    """Return how many of a module's numbers this process keeps."""

    def here(parameter: Any) -> Tensor:
        held: Tensor = parameter.to_local() if hasattr(parameter, "to_local") else parameter
        return held

    return sum(here(parameter).numel() for parameter in net.parameters())
