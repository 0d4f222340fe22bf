"""Encoders: pictures and texts in, sparse vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.text.static_encoder import StaticTextEncoder

__all__ = ["load_model", "load_static_text"]


def load_model(
    source: str | Path = "mini", *, computation: Computation | None = None
) -> LexicalModel:
    """Load a shipped model by name, or a model folder by path.

    Args:
        computation: where and in what precision it computes; None: on the CPU in float32.

    Raises:
        InputError: if there is no such device.
        MissingError: if there is neither; the message lists the shipped models.
        CorruptError: if the model's files are damaged.
    """
    from lexret.encoders.lexical_model import load_model as load

    return load(source, computation=computation)


def load_static_text(source: str | Path = "mini") -> StaticTextEncoder:
    """Load only the static text encoder of a model: texts to vectors without torch.

    Raises:
        MissingError: if there is no such model, or it has no static text encoder.
        CorruptError: if the model's files are damaged.
    """
    from lexret.encoders.text.static_encoder import load_static_text as load

    return load(source)
