"""Loading of a checkpoint's tensors into a network, which they must fit."""

from __future__ import annotations

from torch import Tensor, nn

from lexret.encoders.folder.checkpoint import Checkpoint
from lexret.errors import CorruptError


def codebook_of(checkpoint: Checkpoint, name: str) -> Tensor:
    """Return one of the codebooks, which must fit the vocabulary and the configuration."""
    expected = (len(checkpoint.vocabulary), checkpoint.config.codebook.dim)
    found = checkpoint.tensors.get(name)
    if found is None or found.shape != expected:
        shape = "missing" if found is None else f"of shape {tuple(found.shape)}"
        raise CorruptError(
            f"The checkpoint does not fit its configuration: {name} is {shape}; the vocabulary "
            f"and codebook.dim ask for {expected}."
        )
    return found


def load_side(side: nn.Module, checkpoint: Checkpoint, prefix: str) -> None:
    """Load one side's tensors; whatever is missing or left over is an error."""
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint.tensors.items()
        if name.startswith(prefix)
    }
    frozen = {
        name
        for name in side.state_dict()
        if name.startswith("transformer.towers.")
        or (name.startswith("transformer.") and ".lora_" not in name)
    }
    try:
        result = side.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise CorruptError(f"The checkpoint does not fit its configuration: {error}") from error
    # Models that were made before base rates were measured have none.
    missing = set(result.missing_keys) - frozen - {"base_rate_V"}
    if missing or result.unexpected_keys:
        raise CorruptError(
            f"The checkpoint does not fit its configuration: it lacks {sorted(missing)} and has "
            f"{sorted(result.unexpected_keys)} too many."
        )
    side.eval().requires_grad_(False)
