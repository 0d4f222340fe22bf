"""Exports read again: by json, and by a reader of protobuf messages that shares no code."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine import vectors as stored
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.engine.vectors import CorrectedVectors
from lexret.errors import InputError
from lexret.interop import ciff
from lexret.interop.anserini import export_anserini
from lexret.interop.impacts import quantize
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary

AWKWARD = ["a", "b/c d.jpg", "\U0001f600", "ä.jpg", 'quote".jpg', "line\nbreak.jpg", "10", "9"]


@pytest.fixture
def several_segments(
    words: Vocabulary, random_batch: Any, tmp_path: Path
) -> tuple[Path, dict[str, LexicalVector]]:
    """An index of three commits, with a replaced, a deleted and an empty document."""
    rng = np.random.default_rng(0)
    live: dict[str, LexicalVector] = {}
    with EmbeddedIndexWriter.create(tmp_path / "index", words, model_id="test-1") as writer:
        for ids in (AWKWARD[:5], AWKWARD[3:], ["empty", "gone"]):
            vectors = random_batch(rng, len(ids))
            if "empty" in ids:
                vectors = random_batch(rng, 2).from_words([{}, {"dog": 1.0}], words)
            writer.add(ids, vectors)
            live |= dict(zip(ids, vectors, strict=True))
            writer.commit()
        writer.delete(["gone"])
        writer.commit()
    del live["gone"]
    return tmp_path / "index", live


def test_corrections_are_exported(
    several_segments: tuple[Path, dict[str, LexicalVector]],
) -> None:
    path, live = several_segments
    words = open_index(path).vocabulary
    had = live["a"].words()[0].word
    muted = live["9"].words()[0].word
    lacked = next(w for w in words if w not in {one.word for one in live["a"].words()} | {muted})
    change_corrections(
        path,
        lambda now: now.with_document(
            "a", DocumentCorrection(added={lacked: 0.75}, removed=frozenset([had]))
        ).with_muted(frozenset([muted])),
    )
    index = open_index(path)
    every = np.arange(len(words), dtype=np.int32)
    stored = CorrectedVectors(index)
    assert index.weights(["a"], every)[0, words.term_id(lacked)] == 0.75
    for block in stored.blocks(size=3):
        expected = index.weights(block.doc_ids, every)
        assert np.array_equal(block.vectors.to_scipy().toarray(), expected)
    muted_docs, _ = stored.postings(words.term_id(muted) or 0)
    assert len(muted_docs) == 0


def test_stored_vectors_come_back_by_document_and_by_word(
    several_segments: tuple[Path, dict[str, LexicalVector]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, live = several_segments
    every = CorrectedVectors(open_index(path))
    assert every.doc_ids == sorted(live, key=str.encode)
    rows = {
        doc_id: row
        for block in every.blocks(size=4)
        for doc_id, row in zip(block.doc_ids, block.vectors, strict=True)
    }
    assert list(rows) == every.doc_ids
    for doc_id, expected in live.items():
        assert rows[doc_id].term_ids.tolist() == expected.term_ids.tolist()
        assert rows[doc_id].weights.tolist() == expected.weights.tolist()
    for term_id, word in enumerate(every.vocabulary):
        docs, weights = every.postings(term_id)
        held = {every.doc_ids[doc]: float(w) for doc, w in zip(docs, weights, strict=True)}
        assert held == {key: v.weight_of(word) for key, v in live.items() if v.weight_of(word)}
        assert (np.diff(docs) > 0).all()
    assert stored.DOCUMENTS_A_BLOCK > 4


def test_an_anserini_collection_holds_every_impact(
    several_segments: tuple[Path, dict[str, LexicalVector]], tmp_path: Path
) -> None:
    path, live = several_segments
    record = export_anserini(open_index(path), tmp_path / "out", scale=50)
    lines = [
        json.loads(line)
        for part in sorted((tmp_path / "out" / "collection").iterdir())
        for line in part.read_text(encoding="utf-8").splitlines()
    ]
    names = words_of(tmp_path / "out")
    assert [line["id"] for line in lines] == sorted(live, key=str.encode)
    for line in lines:
        found = {names[name]: impact for name, impact in line["vector"].items()}
        assert found == impacts_of(live[line["id"]], scale=50)
    assert record.num_documents == len(live)
    assert record.num_empty >= 1
    assert json.loads((tmp_path / "out" / "export.json").read_text())["scale"] == 50


def test_a_ciff_file_holds_every_impact(
    several_segments: tuple[Path, dict[str, LexicalVector]], tmp_path: Path
) -> None:
    path, live = several_segments
    record = ciff.export_ciff(open_index(path), tmp_path / "out", scale=100_000)
    messages = list(delimited((tmp_path / "out" / "index.ciff").read_bytes()))
    header = dict(fields(messages[0]))
    num_lists, num_docs = header[2], header[3]
    lists = [list(fields(one)) for one in messages[1 : 1 + num_lists]]
    documents = [dict(fields(one)) for one in messages[1 + num_lists :]]
    assert len(documents) == num_docs == len(live)
    assert [one.get(1, 0) for one in documents] == list(range(num_docs))
    ids = [one[2].decode() for one in documents]
    names = words_of(tmp_path / "out")
    terms = [dict(one)[1].decode() for one in lists]
    assert terms == sorted(terms)

    found: dict[str, dict[str, int]] = {doc_id: {} for doc_id in ids}
    for term, one in zip(terms, lists, strict=True):
        doc, postings = 0, [dict(fields(value)) for number, value in one if number == 4]
        assert dict(one)[2] == len(postings)
        assert dict(one)[3] == sum(posting[2] for posting in postings)
        for posting in postings:
            doc += posting.get(1, 0)
            found[ids[doc]][names[term]] = posting[2]
    assert found == {key: impacts_of(vector, scale=100_000) for key, vector in live.items()}
    lengths = [sum(found[doc_id].values()) for doc_id in ids]
    assert [one.get(3, 0) for one in documents] == lengths
    assert header[6] == sum(lengths)
    assert header[7] == pytest.approx(sum(lengths) / len(lengths))
    assert record.num_postings == sum(map(len, found.values()))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**14, 2**21, 2**28, 2**31 - 1])
def test_varints_made_at_once_equal_those_made_one_by_one(number: int) -> None:
    octets, lengths = ciff._varints(np.array([number], dtype=np.int32))
    assert octets[0, : lengths[0]].tobytes() == ciff.varint(number)


@pytest.mark.parametrize("export", [export_anserini, ciff.export_ciff])
def test_an_id_that_is_no_text_and_a_full_folder_are_refused(
    export: Any, words: Vocabulary, batch: Any, make_index: Any, tmp_path: Path
) -> None:
    make_index(tmp_path / "index", ["z\udcff"], batch({"dog": 1.0}))
    with pytest.raises(InputError, match="not UTF-8"):
        export(open_index(tmp_path / "index"), tmp_path / "out")
    make_index(tmp_path / "other", ["a"], batch({"dog": 1.0}))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        export(open_index(tmp_path / "other"), tmp_path / "full")


def test_an_empty_index_is_exported(words: Vocabulary, batch: Any, make_index: Any,
                                    tmp_path: Path) -> None:  # fmt: skip
    make_index(tmp_path / "index", [], batch())
    assert export_anserini(open_index(tmp_path / "index"), tmp_path / "a").num_documents == 0
    assert ciff.export_ciff(open_index(tmp_path / "index"), tmp_path / "c").num_postings == 0


def impacts_of(vector: LexicalVector, *, scale: float) -> dict[str, int]:
    names = vector.vocabulary.words
    impacts = quantize(vector.weights, scale=scale).tolist()
    return {names[t]: impact for t, impact in zip(vector.term_ids, impacts, strict=True)}


def words_of(folder: Path) -> dict[str, str]:
    lines = (folder / "words.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[place]
        value, shift, place = value | (octet & 0x7F) << shift, shift + 7, place + 1
        if octet < 0x80:
            return value, place


def delimited(data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        length, place = read_varint(data, place)
        yield data[place : place + length]
        place += length


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        if tag & 7 == 0:
            value, place = read_varint(message, place)
            yield tag >> 3, value
        elif tag & 7 == 1:
            yield tag >> 3, struct.unpack_from("<d", message, place)[0]
            place += 8
        else:
            length, place = read_varint(message, place)
            yield tag >> 3, message[place : place + length]
            place += length
