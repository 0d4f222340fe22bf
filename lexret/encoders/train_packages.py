"""The packages of networks and training, which an install without the extra ``train`` lacks."""

from __future__ import annotations

from typing import Final

from lexret.errors import MissingPackageError

# Importable names of what the extra ``train`` brings.
TRAIN_MODULES: Final = frozenset(
    {"accelerate", "onnx", "peft", "timm", "tokenizers", "torch", "torchvision", "transformers"}
)
INSTALL_COMMAND: Final = "pip install 'lexret[train]'"


def needs_training_packages(what: str, error: ModuleNotFoundError) -> MissingPackageError:
    """Return the error that something needs a package that is not installed."""
    return MissingPackageError(
        f"{what} needs the package {error.name}, which is not installed. It comes with the "
        f"networks and training: {INSTALL_COMMAND}"
    )
