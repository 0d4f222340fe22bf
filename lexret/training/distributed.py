"""Distributed training, in the processes that torchrun starts: each encodes its share of a batch.

The vectors of all shares are gathered, so that every process computes the same losses of the whole
batch: negatives, the overuse penalty's averages, everything. A batch and its losses are therefore
those of one process with the same configuration, up to rounding; only dropout draws other masks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch import distributed as dist

from lexret.encoders.devices import chosen_device
from lexret.errors import InputError

T = TypeVar("T")

# The others wait while the first caches features or evaluates; torchrun ends them if it dies.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Processes:
    """Processes of a run, as one of them sees them.

    Attributes:
        rank: this one's number, 0 to ``size - 1``.
        size: how many there are.
        device: what this one computes on.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes, evaluates and reports."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Return which rows of a batch this process encodes.

        Raises:
            InputError: if the batch cannot be shared evenly.
        """
        if batch_size % self.size:
            raise InputError(
                f"train.batch_size is {batch_size} over all processes, which {self.size} of them "
                "cannot share evenly; set a multiple of their number."
            )
        num_rows = batch_size // self.size
        return slice(self.rank * num_rows, (self.rank + 1) * num_rows)

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, in their order, with gradient; each gives as many.

        Each process must then compute the same loss of them; see :meth:`average_gradients`.
        """
        if self.size == 1:
            return rows
        return cast(Tensor, _Gather.apply(rows, self))  # type: ignore[no-untyped-call]

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Average gradients over the processes.

        What the loss uses directly has the same gradient everywhere; what came through
        :meth:`gather` has only this share's part of it, made ``size`` times as large there. The
        average is the gradient of the whole batch's loss in both cases.
        """
        grads = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not grads:
            return
        flat = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(flat)
        flat /= self.size
        for grad, piece in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
            grad.copy_(piece.view_as(grad))

    def copy_from_leader(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the leading process."""
        if self.size > 1:
            with torch.no_grad():
                for tensor in tensors:
                    whole = tensor.contiguous()
                    dist.broadcast(whole, src=0)
                    tensor.copy_(whole)

    def told_by_leader(self, value: T) -> T:
        """Return the leading process's value; all wait here until it has one."""
        if self.size == 1:
            return value
        held: list[Any] = [value]
        dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        return cast(T, held[0])

    def part(self, num_items: int) -> slice:
        """Return which of so many items this process works on: parts of nearly one size."""
        first, last = (num_items * n // self.size for n in (self.rank, self.rank + 1))
        return slice(first, last)

    def collected(self, value: T) -> list[T] | None:
        """Return every process's value, in their order, in the leading one; None in the others."""
        if self.size == 1:
            return [value]
        held: list[Any] | None = [None] * self.size if self.leads else None
        dist.gather_object(value, held, dst=0)
        return held

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            # Not `barrier`: on a GPU that uses NCCL, whose watchdog gives up long before.
            dist.all_reduce(torch.zeros(1))


class _Gather(torch.autograd.Function):
    """Function that gathers rows of all processes, with gradient."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, processes: Processes) -> Tensor:
        ctx.processes, ctx.num_rows = processes, len(rows)
        rows = rows.contiguous()
        every = [torch.empty_like(rows) for _ in range(processes.size)]
        dist.all_gather(every, rows)
        return torch.cat(every)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        # The sum of the same gradient over all processes, without communication.
        first = ctx.processes.rank * ctx.num_rows
        return grads[0][first : first + ctx.num_rows] * ctx.processes.size, None


def leads() -> bool:
    """Tell whether this process is alone or the first of those that torchrun started."""
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def started_processes(device: str = "auto") -> Iterator[Processes]:
    """Join the processes that torchrun started; without torchrun there is just this one.

    Args:
        device: ``cpu``, ``cuda`` (of several processes each takes the GPU of its number on the
            machine), ``cuda:N``, or ``auto``: CUDA where there is any.

    Raises:
        InputError: if there is no such device.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    chosen = chosen_device(device, local_rank=int(os.environ.get("LOCAL_RANK", "0")))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if size == 1:
        yield Processes(device=chosen)
        return
    backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=rank, world_size=size, timeout=_PATIENCE)
    try:
        yield Processes(rank, size, chosen)
    finally:
        dist.destroy_process_group()
