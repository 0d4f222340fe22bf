"""Encoders: pictures and texts in, sparse vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexret.encoders.model import LexicalModel

__all__ = ["load_model"]


def load_model(source: str | Path = "mini") -> LexicalModel:
    """Load a shipped model by name, or a model folder by path.

    Raises:
        MissingError: if there is neither; the message lists the shipped models.
        CorruptError: if the model's files are damaged.
    """
    from lexret.encoders.model import load_model as load

    return load(source)
