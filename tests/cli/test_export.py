"""``lexret export`` over a small index."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import lexret
from lexret.cli.main import main
from lexret.engine import EmbeddedIndexWriter
from lexret.errors import InputError
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary
from tests.cli.conftest import WriteIndex


def export(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def index_path(tmp_path: Path, tiny_vocabulary: Vocabulary) -> Path:
    path = tmp_path / "photos" / ".lexret"
    with EmbeddedIndexWriter.create(path, tiny_vocabulary, model_id="test-1") as writer:
        rows = SparseBatch.from_words([{"dog": 0.8, "red": 0.6}, {}], tiny_vocabulary)
        writer.add(["dog.jpg", "nothing.jpg"], rows)
        writer.commit()
    return path


def test_the_folder_of_pictures_is_enough(index_path: Path, tmp_path: Path) -> None:
    result = export("anserini", index_path.parent, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 pictures (1 of them without a word), 2 impacts at scale 100" in result.stdout
    (part,) = (tmp_path / "out" / "collection").iterdir()
    first = json.loads(part.read_text().splitlines()[0])
    assert first == {"id": "dog.jpg", "contents": "", "vector": {"t0": 80, "t2": 60}}


def test_ciff_is_written_at_the_scale_that_was_asked_for(index_path: Path, tmp_path: Path) -> None:
    result = export("ciff", index_path, "-o", tmp_path / "out", "--scale", 10)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "export.json").read_text())["scale"] == 10
    assert (tmp_path / "out" / "index.ciff").stat().st_size > 0


def test_errors_are_told_with_status_2(index_path: Path, tmp_path: Path) -> None:
    assert export("ciff", tmp_path / "none", "-o", tmp_path / "out").exit_code == 2
    assert export("ciff", index_path, "-o", index_path).exit_code == 2
    assert export("ciff", index_path, "-o", tmp_path / "out", "--scale", 0).exit_code == 2


def test_sparse_documents_are_written_with_the_chosen_fields(
    index_path: Path, tmp_path: Path
) -> None:
    result = export("jsonl", index_path.parent, "-o", tmp_path / "out", "--fields", "")
    assert result.exit_code == 0, result.output
    assert "(1 of them without a word), 2 weights over 6 words, at most 2" in result.stdout
    lines = (tmp_path / "out" / "documents.jsonl").read_text().splitlines()
    first = {"id": "dog.jpg", "indices": [0, 2], "values": [0.8, 0.6], "words": ["dog", "red"]}
    assert json.loads(lines[0]) == {**first, "fields": {}}
    refused = export("jsonl", index_path, "-o", tmp_path / "other", "--fields", "nope")
    assert refused.exit_code == 2
    assert "no field 'nope'" in refused.stderr


def test_a_table_is_written(index_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow (extra dev)")
    result = export("parquet", index_path, "-o", tmp_path / "out", "--no-words")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "documents.parquet").stat().st_size > 0


@pytest.fixture
def photos(tmp_path: Path, write_index: WriteIndex, static_model_folder: Path) -> Path:
    """Three pictures of a model that reads texts."""
    pictures = {"1.jpg": {"dog": 0.6, "beach": 0.8}, "2.jpg": {"dog": 1.0}, "3.jpg": {"car": 1.0}}
    write_index(tmp_path / "library", static_model_folder, pictures)
    return tmp_path / "library"


def test_a_query_is_encoded_as_a_search_does(photos: Path) -> None:
    result = export("query", "a", "dog", "on", "a", "beach", "--index", photos)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["query"] == "a dog on a beach"
    assert told["num_words"] == 60
    library = lexret.Library.open(photos)
    query = library.encode_query("a dog on a beach")
    assert told["indices"] == query.term_ids.tolist()
    assert np.array(told["values"], np.float32).tolist() == query.weights.tolist()
    assert told["words"] == [query.vocabulary.words[i] for i in told["indices"]]
    asked = dict(zip(told["words"], told["values"], strict=True))
    hits = library.search("a dog on a beach")
    assert len(hits) >= 2
    for hit in hits:
        held = {word.word: word.weight for word in library.words(hit.doc_id)}
        score = sum(weight * held.get(word, 0.0) for word, weight in asked.items())
        assert hit.score == pytest.approx(score, rel=1e-5)


@pytest.mark.parametrize(
    ("engine", "key"),
    [
        ("qdrant", "using"), ("elasticsearch", "sort"), ("opensearch", "sort"),
        ("rank-features", "sort"), ("milvus", "anns_field"), ("vespa", "yql"),
    ],
)  # fmt: skip
def test_every_engine_is_asked_in_its_own_words(engine: str, key: str, photos: Path) -> None:
    result = export("query", "a dog", "--index", photos, "--for", engine, "-k", 7)
    assert result.exit_code == 0, result.output
    body = json.loads(result.stdout)
    assert key in body
    assert 7 in body.values()


def test_pgvector_gets_its_text_form(photos: Path) -> None:
    result = export("query", "a dog", "--index", photos, "--for", "pgvector")
    assert re.fullmatch(r"\{(\d+:[0-9.e-]+,?)+\}/60\n", result.stdout)


@pytest.mark.parametrize("text", ["+dog beach", "dog -car", "(dog OR car)", "path:a/** dog"])
def test_what_is_no_vector_is_refused(text: str, photos: Path) -> None:
    with pytest.raises(InputError, match="operators, filters"):
        lexret.Library.open(photos).encode_query(text)


def test_a_query_of_nothing_is_refused(photos: Path) -> None:
    assert export("query", "--index", photos).exit_code == 2
    assert "qwrtz" in export("query", "qwrtz", "--index", photos).stderr
