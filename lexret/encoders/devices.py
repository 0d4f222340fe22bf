"""Devices that models compute on, by name."""

from __future__ import annotations

import torch

from lexret.errors import InputError


def chosen_device(name: str, *, local_rank: int = 0) -> torch.device:
    """Return a device by name, ready to compute on.

    On CUDA, products of float32 matrices may use TF32 from then on, which is several times as fast
    at about three decimal digits.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:N``, or ``auto``: CUDA where there is any.
        local_rank: which GPU of the machine ``cuda`` and ``auto`` mean.

    Raises:
        InputError: if there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"No device is called {name!r}; expected cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"lexret does not compute on {name!r}; expected cpu, cuda or cuda:N.")
    if device.type == "cpu":
        return torch.device("cpu")
    index = local_rank if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise InputError(
            f"cuda:{index} was asked for; PyTorch sees {torch.cuda.device_count()} CUDA "
            "devices. Start at most so many processes on a machine, or choose cpu."
        )
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    return torch.device("cuda", index)
