"""Indexes that several commands are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexret.cli.main import main
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.sparse import SparseBatch

WriteIndex = Callable[[Path, Path, Mapping[str, Mapping[str, float]]], None]


@pytest.fixture(scope="session")
def write_index() -> WriteIndex:
    """Index a folder without encoding: ``write_index(folder, model_folder, {path: words})``."""

    def write(folder: Path, model: Path, pictures: Mapping[str, Mapping[str, float]]) -> None:
        from lexret.encoders import load_model

        loaded = load_model(model)
        with EmbeddedIndexWriter.create(
            folder / ".lexret", loaded.vocabulary, model_id=loaded.model_id,
            model_source=str(model), roots=[".."],
        ) as writer:  # fmt: skip
            rows = SparseBatch.from_words(pictures.values(), loaded.vocabulary)
            writer.add(list(pictures), rows)
            writer.commit()

    return write


@pytest.fixture
def indexed(picture_folder: Path, tiny_model_folder: Path) -> Path:
    """The folder of three pictures, indexed by the command."""
    arguments = ["index", str(picture_folder), "--model", str(tiny_model_folder)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return picture_folder
