"""Milvus as a backend: what is checked before it is believed, refused, recorded and cleaned up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import ExactIndex
from whole_queries import vector

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.filters import NumberFilter
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.engine.segments.manifest import BackendEntry, Manifest
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import (
    BackendError,
    CorruptError,
    InputError,
    MismatchError,
    MissingPackageError,
)
from lexret.interop.backends import BackendChoice, open_index, open_writer
from lexret.interop.milvus import candidates, client, collection, holders
from lexret.interop.milvus.collection import MilvusCollection
from lexret.interop.milvus.index import MilvusIndex
from lexret.interop.milvus.place import MilvusPlace, checked_uri
from lexret.interop.milvus.rows import expression_of, row_of
from lexret.interop.milvus.writer import MilvusIndexWriter
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary
from tests.engine.conftest import MakeBatch
from tests.interop.backends.backend import MILVUS_MISSING, MODEL_ID, Backend

needs_milvus = pytest.mark.skipif(bool(MILVUS_MISSING), reason=f"lexret[scale]: {MILVUS_MISSING}")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def put(folder: Path, uri: str, words: Vocabulary, ids: Sequence[str], rows: SparseBatch) -> None:
    with Backend("milvus", uri).create(folder, words) as writer:
        writer.add(ids, rows, fields={"size": list(range(len(ids)))})
        writer.commit()


class WrongScores:
    """Client whose searches tell scores of another kind, as some releases do."""

    def __init__(self, right: Any, *, only_after: int = 0) -> None:
        self._right, self._left = right, only_after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)

    def search(self, *args: Any, **kwargs: Any) -> Any:
        found = self._right.search(*args, **kwargs)
        self._left -= 1
        if self._left >= 0:
            return found
        return [[{"row": hit["row"], "distance": hit["distance"] ** 0.5} for hit in hits]
                for hits in found]  # fmt: skip


@needs_milvus
def test_the_canary_stops_searches_of_a_release_that_scores_wrongly(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(tmp_path, milvus_uri, words, ["a"], batch({"dog": 0.5}))
    assert len(open_index(tmp_path).search(batch({"dog": 1.0}))[0]) == 1
    monkeypatch.setattr(collection, "connect", lambda uri: WrongScores(client.connect(uri)))
    with pytest.raises(BackendError, match="scores wrongly"):
        open_index(tmp_path).search(batch({"dog": 1.0}))
    with pytest.raises(BackendError, match="scores wrongly"):
        open_writer(tmp_path)


@needs_milvus
def test_every_score_is_compared_with_the_inner_product(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(tmp_path, milvus_uri, words, ["a"], batch({"dog": 0.5}))
    monkeypatch.setattr(
        collection, "connect", lambda uri: WrongScores(client.connect(uri), only_after=1)
    )
    with pytest.raises(BackendError, match=r"gave 0\.707.* where the inner product is 0\.5"):
        open_index(tmp_path).search(batch({"dog": 1.0}))


def test_releases_that_are_known_to_score_wrongly_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "version", lambda name: "3.2.1")
    with pytest.raises(BackendError, match=r"3\.2\.1 answers with scores of another kind"):
        client._check_lite(str(tmp_path / "vectors.db"))


@needs_milvus
def test_what_the_most_that_milvus_gives_does_not_tell_is_refused_by_name(
    words: Vocabulary, batch: MakeBatch, random_batch: MakeBatch, milvus_uri: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in (candidates, collection, holders):
        monkeypatch.setattr(module, "MAX_HITS", 30)
    rng = np.random.default_rng(0)
    ids = [f"{number:03d}" for number in range(100)]
    dense = np.ones((100, len(words)), np.float32) + rng.random((100, len(words)))
    rows = SparseBatch.from_dense(dense.astype(np.float32), words)
    put(tmp_path, milvus_uri, words, ids, rows)
    index = open_index(tmp_path)
    exact = ExactIndex(ids, rows, model_id=MODEL_ID, fields={"size": list(range(100))})
    dog, holds = vector(words, {"dog": 1.0}), Holds(words.words.index("dog"), 1.99)
    plain, above_all = Query(dog), (AnyOf(((replace(holds, above=9.0),),)),)
    assert index.find(plain, k=20) == exact.find(plain, k=20)
    for query, k, told in (
        (plain, 31, "too many are asked for"),
        (Query(dog, required=above_all), 1, r"meet \+dog"),
        (Query(dog, excluded=(AnyOf(((replace(holds, above=0.0),),)),)), 1, "meet -dog"),
        (Query(excluded=(AnyOf(((replace(holds, above=0.0),),)),)), 1, "pictures hold 'dog'"),
        (Query(dog, filters=(NumberFilter("size", 0, 3, negated=True),),
               required=above_all), 1, r"\+dog, the filter size:"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=told):
            index.find(query, k=k)
    few = Query(dog, filters=(NumberFilter("size", 5, 7),))  # which Milvus itself looks for
    assert index.find(few, k=10) == exact.find(few, k=10)
    held = Query(required=(AnyOf(((holds,),)),))
    assert index.find(held, k=10) == exact.find(held, k=10)


def test_too_many_ways_to_take_alternatives_are_refused(words: Vocabulary) -> None:
    two = Choice((vector(words, {"dog": 1.0}), vector(words, {"cat": 1.0})))
    assert len(candidates.Asked.of(Query(choices=(two,) * 6), words).vectors) == 64
    with pytest.raises(InputError, match=r"\(a OR b\), can be taken in 128 ways"):
        candidates.Asked.of(Query(choices=(two,) * 7), words)


@needs_milvus
def test_a_collection_of_another_index_is_not_used(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path
) -> None:
    put(tmp_path / "one", milvus_uri, words, ["a"], batch({"dog": 0.5}))
    backend = Manifest.load(tmp_path / "one").backend
    assert backend is not None
    place = MilvusPlace.of(backend)
    taken = MilvusPlace.new(milvus_uri, place.collection).entry()
    with (
        MilvusIndexWriter.create(
            tmp_path / "two", words, model_id=MODEL_ID, backend=taken
        ) as writer,
        pytest.raises(MismatchError, match="exists already"),
    ):
        writer.commit()
    other = MilvusCollection(replace(place, owner="0" * 32), len(words))
    with pytest.raises(MismatchError, match="belongs to another index"):
        other.check(model_id=MODEL_ID, fingerprint=words.fingerprint)
    other.drop()  # does nothing: it is not its own
    with pytest.raises(MismatchError, match="is of the model"):
        MilvusCollection(place, len(words)).check(model_id="other", fingerprint=words.fingerprint)
    assert len(open_index(tmp_path / "one").search(batch({"dog": 1.0}))[0]) == 1


@needs_milvus
def test_what_an_interrupted_first_run_left_is_made_anew(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path
) -> None:
    for end in (lambda writer: None, lambda writer: writer.commit()):
        entry = MilvusPlace.new(milvus_uri, f"lexret_{tmp_path.name}").entry()
        with MilvusIndexWriter.create(tmp_path, words, model_id=MODEL_ID, backend=entry) as writer:
            writer.add(["a"], batch({"dog": 0.5}))
            writer._send()
            end(writer)
    assert len(open_index(tmp_path).search(batch({"dog": 1.0}))[0]) == 1
    taken = MilvusPlace.new(milvus_uri, f"lexret_{tmp_path.name}").entry()  # in use by now
    with (
        MilvusIndexWriter.create(
            tmp_path, words, model_id=MODEL_ID, replace_existing=True, backend=taken
        ) as writer,
        pytest.raises(MismatchError, match="exists already"),
    ):
        writer.commit()


@needs_milvus
def test_a_dropped_collection_and_a_lost_row_are_told(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path
) -> None:
    put(tmp_path, milvus_uri, words, ["a", "b"], batch({"dog": 0.5}, {"cat": 0.5}))
    index = open_index(tmp_path)
    assert isinstance(index, MilvusIndex)
    index.collection.delete(index.rows().tolist()[:1])
    with pytest.raises(BackendError, match="lacks the vector"):
        open_index(tmp_path).vector("a")
    with pytest.raises(BackendError, match="lacks the vectors of 1 pictures"):
        open_writer(tmp_path)
    index.collection.drop()
    with pytest.raises(BackendError, match="no longer there"):
        open_index(tmp_path).search(batch({"dog": 1.0}))


@needs_milvus
def test_a_server_that_has_moved_is_recorded_if_the_collection_is_there(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path
) -> None:
    put(tmp_path, milvus_uri, words, ["a"], batch({"dog": 0.5}))
    moved = milvus_uri.replace("127.0.0.1", "localhost")
    with open_writer(tmp_path, BackendChoice(uri=moved)):
        pass
    backend = Manifest.load(tmp_path).backend
    assert backend is not None
    assert backend.values["uri"] == moved
    assert len(open_index(tmp_path).search(batch({"dog": 1.0}))[0]) == 1


@needs_milvus
def test_a_server_that_is_not_there_is_told_and_fields_are_found_without_it(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(tmp_path, milvus_uri, words, ["a"], batch({"dog": 0.5}))
    path = tmp_path / "manifest.json"
    manifest = Manifest.load(tmp_path)
    assert manifest.backend is not None
    gone = BackendEntry("milvus", {**manifest.backend.values, "uri": "http://127.0.0.1:9"})
    replace(manifest, backend=gone).save(tmp_path)
    monkeypatch.setattr(client, "_SECONDS_TO_CONNECT", 0.5)
    index = open_index(tmp_path)
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:9 cannot be opened\. Is it running\?"):
        index.search(batch({"dog": 1.0}))
    assert [hit.doc_id for hit in index.find(Query(filters=(NumberFilter("size", 0, 0),)))] == ["a"]
    assert json.loads(path.read_text().rpartition("\n}")[0] + "\n}")["version"] == 4


@needs_milvus
def test_a_reader_of_embedded_indexes_alone_finds_nothing_silently(
    words: Vocabulary, batch: MakeBatch, milvus_uri: str, tmp_path: Path
) -> None:
    put(tmp_path, milvus_uri, words, ["a"], batch({"dog": 0.5}))
    index, dog = EmbeddedIndex(tmp_path), batch({"dog": 1.0})
    for ask in (
        lambda: index.search(dog),
        lambda: index.find(Query(dog.row(0))),
        lambda: index.vector("a"),
        lambda: index.score_moments(dog.row(0)),
        lambda: index.require_own_vectors(),
    ):
        with pytest.raises(InputError, match="are in milvus"):
            ask()
    with pytest.raises(InputError, match="are in milvus"):
        EmbeddedIndexWriter.open(tmp_path)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("photos", "a file whose name ends in .db"),
        ("ftp://host", "no place of Milvus"),
        ("http://", "no place of Milvus"),
        ("http://me:secret@host:19530", "LEXRET_MILVUS_TOKEN"),
        ("https://host?token=secret", "LEXRET_MILVUS_TOKEN"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_and_secrets_are_not_told(
    uri: str, told: str
) -> None:
    with pytest.raises(InputError, match=told) as raised:
        checked_uri(uri)
    assert "secret" not in str(raised.value).replace("other secrets", "")


def test_a_token_comes_from_the_environment_and_is_written_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {}

    class Client:
        def __init__(self, uri: str, **options: Any) -> None:
            given.update(options, uri=uri)

    module = type("pymilvus", (), {"MilvusClient": Client})
    monkeypatch.setitem(__import__("sys").modules, "pymilvus", module)
    monkeypatch.setenv("LEXRET_MILVUS_TOKEN", "me:secret")
    client._connect("https://host")
    assert given["token"] == "me:secret"
    assert "secret" not in json.dumps(MilvusPlace.new("https://host").entry().values)


def test_a_missing_package_is_named_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymilvus", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[scale\]'"):
        client._connect("https://host")


def test_what_milvus_cannot_hold_is_refused_before_it_is_sent(words: Vocabulary) -> None:
    def row(weight: float, fields: Mapping[str, Any], doc_id: str = "a") -> dict[str, Any]:
        return row_of(1 << 32, doc_id, vector(words, {"dog": weight}), fields)

    with pytest.raises(InputError, match="single precision"):
        row(1e30, {})
    with pytest.raises(InputError, match="single precision"):
        row(1e-30, {})
    with pytest.raises(InputError, match="which Milvus cannot hold"):
        row(1.0, {"ratio": float("inf")})
    with pytest.raises(InputError, match="65,535 bytes"):
        row(1.0, {}, "a" * 70_000)
    told = row(1.0, {"_row": 3, "note": "x" * 2000, "city": "Köln", "none": None}, "z\udcff")
    assert told["fields"] == {"city": "Köln"}
    assert told["id"] == "bytes:z%FF"


def test_filters_that_milvus_checks_are_never_narrower_than_those_asked_for() -> None:
    def said(*filters: NumberFilter) -> str:
        return expression_of(filters)

    assert said(NumberFilter("size", 3, 5)) == '(fields["size"] >= 3 and fields["size"] <= 5)'
    assert said(NumberFilter("size", 2**70, None)) == ""
    assert said(NumberFilter("size", 3, 5, negated=True)) == ""
    assert said(NumberFilter('a"b', 3, 5)) == ""


@pytest.mark.parametrize(
    ("choice", "before", "told"),
    [
        (BackendChoice("milvus"), None, "Where is Milvus"),
        (BackendChoice(uri="http://host"), None, "add --backend milvus"),
    ],
)
def test_a_choice_that_says_too_little_is_refused(
    choice: BackendChoice, before: BackendEntry | None, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        choice.of_new_index(before)


def test_choices_that_contradict_are_refused() -> None:
    with pytest.raises(InputError, match="milvus only"):
        BackendChoice("embedded", uri="http://host")
    with pytest.raises(InputError, match="embedded or milvus"):
        BackendChoice("lucene")
    entry = MilvusPlace.new("http://host", "photos").entry()
    for choice in (BackendChoice("embedded"), BackendChoice(collection="other")):
        with pytest.raises(InputError, match="--rebuild"):
            choice.check_same(entry, Path("index"))
    BackendChoice("milvus", "http://other", "photos").check_same(entry, Path("index"))


def test_an_index_of_an_unknown_backend_is_refused(
    words: Vocabulary, batch: MakeBatch, make_index: Any, tmp_path: Path
) -> None:
    make_index(tmp_path, ["a"], batch({}))
    entry = BackendEntry("other", {})
    replace(Manifest.load(tmp_path), backend=entry, generation=2).save(tmp_path)
    for opened in (open_index, open_writer):
        with pytest.raises(CorruptError, match="'other', which this lexret does not know"):
            opened(tmp_path)
