"""A small library of random vectors with words, fields and corrections, and its export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pytest

import lexret
from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.interop.sparse_files import export_jsonl, read_sparse_documents
from lexret.library.exported_fields import exported_fields
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary
from tests.interop.engines.recipes import code_below

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
NUM_DOCUMENTS = 60
WORDS = Vocabulary([f"word {number}" for number in range(300)])


def random_vectors(rng: np.random.Generator, num_rows: int, share: float) -> SparseBatch:
    """Rows of unit length over WORDS, with a share of the words each."""
    shape = (num_rows, len(WORDS))
    dense = rng.lognormal(size=shape) * (rng.random(shape) < share)
    return SparseBatch.from_dense(dense.astype(np.float32), WORDS).normalized()


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedIndex:
    """Pictures of 60 words each; one has none, words of one are corrected, one word is muted."""
    path = tmp_path_factory.mktemp("engines") / "index"
    rng = np.random.default_rng(3)
    ids = [f"ä/{number}.jpg" for number in range(NUM_DOCUMENTS)]
    stars = [None if number % 3 == 0 else number % 5 for number in range(NUM_DOCUMENTS)]
    with EmbeddedIndexWriter.create(path, WORDS, model_id="test-1") as writer:
        writer.add(ids, random_vectors(rng, NUM_DOCUMENTS, 0.2), fields={"stars": stars})
        writer.add(["empty.jpg"], SparseBatch.from_words([{}], WORDS))
        writer.commit()
    correction = DocumentCorrection(added={"word 7": 0.9}, removed=frozenset(["word 8"]))
    change_corrections(
        path,
        lambda now: now.with_document(ids[4], correction).with_muted(frozenset(["word 9"])),
    )
    return open_index(path)


@pytest.fixture(scope="session")
def export(index: EmbeddedIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index as JSON Lines."""
    folder = tmp_path_factory.mktemp("engines") / "out"
    export_jsonl(index, folder, choice=exported_fields(index))
    return folder


@pytest.fixture(scope="session")
def queries() -> SparseBatch:
    """Five queries of about 30 words."""
    return random_vectors(np.random.default_rng(4), 5, 0.1)


@pytest.fixture
def run_recipe(
    index: EmbeddedIndex, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Run a recipe of docs/backends.md: ``run_recipe(heading, query, {old: new}, NAME=...)``."""
    (tmp_path / "out").symlink_to(export)
    monkeypatch.chdir(tmp_path)

    class Photos:
        @staticmethod
        def open(_path: str) -> Photos:
            return Photos()

        query: LexicalVector

        def encode_query(self, _text: str) -> LexicalVector:
            return self.query

    monkeypatch.setattr(lexret, "Library", Photos)

    def run(
        heading: str, query: LexicalVector, replaced: Mapping[str, str] = NOTHING, **given: object
    ) -> dict[str, Any]:
        Photos.query = query
        names: dict[str, Any] = dict(given)
        code = code_below(f"### {heading}")
        for old, new in replaced.items():
            assert old in code
            code = code.replace(old, new)
        exec(code_below("## Engines of sparse vectors"), names)
        exec(code, names)
        return names

    return run


@pytest.fixture
def documents(export: Path) -> Iterator[Any]:
    """The exported documents."""
    return read_sparse_documents(export)
