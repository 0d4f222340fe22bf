"""The search engine: an embedded index over sparse vectors, its writer, and its query language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex, open_index
    from lexret.engine.writer import EmbeddedIndexWriter

__all__ = ["EmbeddedIndex", "EmbeddedIndexWriter", "open_index"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    modules = {
        "EmbeddedIndex": "index",
        "open_index": "index",
        "EmbeddedIndexWriter": "writer",
    }
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{modules[name]}"), name)
