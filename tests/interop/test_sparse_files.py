"""Exports of sparse documents: written, read again, and compared with the index."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.errors import CorruptError, InputError, MissingError, MissingPackageError
from lexret.interop import sparse_documents
from lexret.interop.anserini import export_anserini
from lexret.interop.sparse_documents import FieldChoice, shortest_decimals
from lexret.interop.sparse_files import (
    export_jsonl,
    export_parquet,
    read_export,
    read_sparse_documents,
)
from lexret.library.exported_fields import exported_fields
from lexret.vocabulary import Vocabulary

IDS = ["b/c d.jpg", "\U0001f600.jpg", "a.jpg", 'quote".jpg', "line\nbreak.jpg", "empty.jpg"]
FIELDS: dict[str, list[Any]] = {
    "path": list(IDS),
    "_keywords": ["grandma\nat sea", None, "x", None, None, None],
    "_sidecar_ns": [1, 2, 3, 4, 5, 6],
    "exif": [1, 0, 0, 0, 0, 0],
    "taken_s": [1_700_000_000, None, 0, -5, None, None],
    "latitude": [1.5, None, -0.25, None, None, None],
    "name": ["ä \u2028 ü", None, "", None, None, None],
}
FORMATS = ("jsonl", "parquet")


def written(kind: str, index: EmbeddedIndex, folder: Path, **options: Any) -> Any:
    if kind == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow (extra dev)")
    return {"jsonl": export_jsonl, "parquet": export_parquet}[kind](index, folder, **options)


@pytest.fixture
def index(tmp_path: Path, words: Vocabulary, random_batch: Any) -> EmbeddedIndex:
    """Two commits with fields; a picture was deleted, one corrected, one word muted."""
    rng = np.random.default_rng(1)
    vectors = random_batch(rng, len(IDS) - 1)
    with EmbeddedIndexWriter.create(tmp_path / "index", words, model_id="test-1") as writer:
        first = {name: values[:3] for name, values in FIELDS.items()}
        writer.add(IDS[:3], vectors.from_vectors(list(vectors)[:3], words), fields=first)
        writer.commit()
        rest = {name: values[3:5] for name, values in FIELDS.items()}
        writer.add(IDS[3:5], vectors.from_vectors(list(vectors)[3:], words), fields=rest)
        writer.add([IDS[5], "gone"], vectors.from_words([{}, {"dog": 1.0}], words))
        writer.commit()
        writer.delete(["gone"])
        writer.commit()
    correction = DocumentCorrection(added={"dog": 0.75}, removed=frozenset(["boat"]))
    change_corrections(
        tmp_path / "index",
        lambda now: now.with_document("a.jpg", correction).with_muted(frozenset(["sky"])),
    )
    return open_index(tmp_path / "index")


@pytest.mark.parametrize("at_once", [1000, 2])
@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_read_again_is_what_the_index_holds(
    kind: str, at_once: int, index: EmbeddedIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_documents, "DOCUMENTS_AT_ONCE", at_once)
    record = written(kind, index, tmp_path / "out", choice=exported_fields(index))
    documents = list(read_sparse_documents(tmp_path / "out"))
    assert [document.doc_id for document in documents] == sorted(IDS, key=str.encode)
    every = np.arange(len(index.vocabulary), dtype=np.int32)
    for document in documents:
        held = index.weights([document.doc_id], every)[0]
        weights = np.zeros_like(held)
        weights[document.indices] = np.array(document.values, np.float32)
        assert np.array_equal(weights, held)
        assert document.words == [index.vocabulary.words[i] for i in document.indices]
    by_id = {document.doc_id: document for document in documents}
    assert 0.75 in by_id["a.jpg"].values
    assert not any({"sky"} & set(document.words) for document in documents)
    assert by_id["b/c d.jpg"].fields == {
        "keywords": ["grandma", "at sea"], "taken_s": 1_700_000_000, "latitude": 1.5,
        "name": "ä \u2028 ü",
    }  # fmt: skip
    assert by_id["a.jpg"].fields == {
        "keywords": ["x"], "taken_s": 0, "latitude": -0.25, "name": "",
    }  # fmt: skip
    assert by_id["empty.jpg"].fields == {}
    assert by_id["empty.jpg"].indices == []
    assert read_export(tmp_path / "out") == record
    assert (record.num_documents, record.num_empty, record.num_words) == (6, 1, 8)
    assert record.num_postings == sum(len(document.indices) for document in documents)
    assert record.max_words == max(len(document.indices) for document in documents)
    assert record.fields == {
        "keywords": "texts", "taken_s": "int64", "latitude": "float64", "name": "text",
    }  # fmt: skip
    named = (tmp_path / "out" / "words.tsv").read_text(encoding="utf-8").splitlines()
    assert named[7] == "t7\ttraffic light"


@pytest.mark.parametrize("kind", FORMATS)
def test_words_and_fields_are_left_out_where_that_is_asked_for(
    kind: str, index: EmbeddedIndex, tmp_path: Path
) -> None:
    choice = exported_fields(index, ["taken_s"])
    written(kind, index, tmp_path / "some", choice=choice, with_words=False)
    some = list(read_sparse_documents(tmp_path / "some"))
    assert not any(document.words for document in some)
    assert {name for document in some for name in document.fields} == {"taken_s"}
    written(kind, index, tmp_path / "none")
    assert not any(document.fields for document in read_sparse_documents(tmp_path / "none"))


def test_a_line_is_what_the_docs_say(index: EmbeddedIndex, tmp_path: Path) -> None:
    export_jsonl(index, tmp_path / "out", choice=exported_fields(index, ["name"]))
    lines = (tmp_path / "out" / "documents.jsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    rows = [json.loads(line) for line in lines]
    assert all(list(row) == ["id", "indices", "values", "words", "fields"] for row in rows)
    assert "ä" in "".join(lines)


def test_a_table_has_the_documented_columns(index: EmbeddedIndex, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra dev)")
    written("parquet", index, tmp_path / "out", choice=exported_fields(index))
    table = parquet.read_table(tmp_path / "out" / "documents.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types["id"] == "string"
    assert types["indices"].startswith("list<")
    assert "int32" in types["indices"]
    assert "float" in types["values"]
    assert types["fields"].startswith("struct<keywords: list<")


def test_shortest_decimals_are_the_same_weights_and_short() -> None:
    weights = np.random.default_rng(0).lognormal(sigma=6, size=5000).astype(np.float32)
    decimals = shortest_decimals(weights)
    assert np.array_equal(np.array(decimals, np.float32), weights)
    assert max(len(f"{decimal!r}".replace(".", "").partition("e")[0].lstrip("0"))
               for decimal in decimals if decimal < 1e6) <= 9  # fmt: skip
    assert shortest_decimals(np.array([0.1, 0.75], np.float32)) == [0.1, 0.75]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_cannot_be_exported_is_said_and_nothing_is_left(
    kind: str, index: EmbeddedIndex, words: Vocabulary, batch: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="no field 'nope'"):
        written(kind, index, out, choice=FieldChoice({"nope": "nope"}))
    with EmbeddedIndexWriter.create(tmp_path / "odd", words, model_id="m") as writer:
        odd = {"mark": [float("inf")], "text": ["\udcff"]}
        writer.add(["a"], batch({"dog": 1.0}), fields=odd)
        writer.commit()
    odd_index = open_index(tmp_path / "odd")
    with pytest.raises(InputError, match="'mark' of a is inf"):
        written(kind, odd_index, out, choice=FieldChoice({"mark": "mark"}))
    with pytest.raises(InputError, match="'text' of a holds bytes"):
        written(kind, odd_index, out, choice=FieldChoice({"text": "text"}))
    assert not out.exists()
    out.mkdir()
    (out / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        written(kind, index, out)


def test_an_empty_index_is_exported(
    words: Vocabulary, batch: Any, make_index: Any, tmp_path: Path
) -> None:
    make_index(tmp_path / "index", [], batch())
    for kind in FORMATS:
        record = written(kind, open_index(tmp_path / "index"), tmp_path / kind)
        assert (record.num_documents, record.max_words) == (0, 0)
        assert list(read_sparse_documents(tmp_path / kind)) == []


def test_without_pyarrow_the_install_command_is_named(
    index: EmbeddedIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[parquet\]'.*jsonl"):
        export_parquet(index, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_whole_exports_are_read(index: EmbeddedIndex, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"there is no export\.json"):
        read_export(tmp_path)
    export_anserini(index, tmp_path / "lucene")
    with pytest.raises(CorruptError, match="'anserini'; expected 'jsonl' or 'parquet'"):
        read_export(tmp_path / "lucene")
    export_jsonl(index, tmp_path / "out")
    file = tmp_path / "out" / "documents.jsonl"
    whole = file.read_text(encoding="utf-8")
    for damaged, said in (
        (whole[:-9], "Line 6 .* is not JSON"),
        ("[]\n", "Picture 1 of .* has no id"),
        ('{"id": "a"}\n', "Picture 1 of .* is damaged"),
        ('{"id": "a", "indices": [1], "values": []}\n', "is damaged"),
        ('{"id": "a", "indices": ["1"], "values": [1]}\n', "is damaged"),
        ('{"id": "a", "indices": [1], "values": [1], "fields": [1]}\n', "is damaged"),
    ):
        file.write_text(damaged, encoding="utf-8")
        with pytest.raises(CorruptError, match=said):
            list(read_sparse_documents(tmp_path / "out"))
    file.write_bytes(b"\xff\n")
    with pytest.raises(CorruptError, match="not UTF-8"):
        list(read_sparse_documents(tmp_path / "out"))
    file.unlink()
    with pytest.raises(MissingError, match="lacks"):
        list(read_sparse_documents(tmp_path / "out"))
    record = tmp_path / "out" / "export.json"
    whole_record = record.read_text()
    record.write_text('{"kind": "jsonl"}')
    with pytest.raises(CorruptError, match="incomplete"):
        read_export(tmp_path / "out")
    record.write_text(json.dumps({**json.loads(whole_record), "num_words": "8"}))
    with pytest.raises(CorruptError, match="no whole number"):
        read_export(tmp_path / "out")
    record.write_text("{")
    with pytest.raises(CorruptError, match="not JSON"):
        read_export(tmp_path / "out")
