"""The contract of a backend: what it offers equals the oracle, what it does not is refused by name.

One suite for all backends. What each offers is declared in lexret/interop/offers.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import ExactIndex
from whole_queries import DOC_IDS, queries, row, vector

from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.engine.protocol import Index
from lexret.engine.query.filters import NumberFilter
from lexret.engine.query.query import AnyOf, Choice, Holds, Query
from lexret.engine.store.columns import FieldValue
from lexret.errors import InputError, LexretError, MismatchError, MissingError
from lexret.explain.answers import answer
from lexret.interop import offers
from lexret.interop.backends import open_index, open_writer
from lexret.interop.offers import OFFERED
from lexret.library.asking.mixing import fitted_to_words
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary
from tests.engine.conftest import MakeBatch
from tests.interop.backends.backend import MODEL_ID, Backend

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
IDS = ["a", "b/c d.jpg", "ä", "z\udcff", "\U0001f600", "ﬁ", "10", "9", "Z"]


def drawn(backend: Backend, check: Callable[[st.DataObject], None]) -> None:
    """Run a check on several things drawn at random, as many as a backend has time for."""

    @settings(max_examples=backend.examples, deadline=None)
    @given(data=st.data())
    def body(data: st.DataObject) -> None:
        check(data)

    body()


def levels_of(backend: Backend, data: st.DataObject) -> int:
    """Weights are any (0) or quarters (4), which whole numbers can say."""
    can_be_any = offers.EXACT_WEIGHTS in backend.offers
    return data.draw(st.sampled_from([0, 4] if can_be_any else [4]), label="levels")


def oracle(
    live: dict[str, LexicalVector],
    words: Vocabulary,
    fields: dict[str, dict[str, FieldValue]] | None = None,
) -> ExactIndex:
    names = {name for doc_id in live for name in (fields or {}).get(doc_id, {})}
    return ExactIndex(
        list(live),
        SparseBatch.from_vectors(list(live.values()), words),
        model_id=MODEL_ID,
        fields={n: [(fields or {})[d].get(n) for d in live] for n in sorted(names)},
    )


def used_by(query: Query) -> set[str]:
    """What a query takes a backend to offer."""
    parts = {
        offers.REQUIRED: query.required, offers.EXCLUDED: query.excluded,
        offers.ALTERNATIVES: query.choices, offers.FILTERS: query.filters,
        offers.WITHOUT: query.without,
    }  # fmt: skip
    used = {name for name, part in parts.items() if part}
    return used if query.vector is not None or used else {offers.FILTERS}


def test_what_counts_of_a_picture_beside_words_is_the_same(
    backend: Backend, words: Vocabulary, random_batch: MakeBatch, tmp_path: Path
) -> None:
    if offers.WITHOUT not in backend.offers:
        pytest.skip("its index of vectors, which answers this, is the embedded one")
    rng = np.random.default_rng(3)
    stored, (picture, text) = random_batch(rng, 60), random_batch(rng, 2)
    ids = [f"{number:02}" for number in range(60)]
    for name in ("here", "there"):
        folder = tmp_path / name
        made = Backend("embedded") if name == "here" else backend
        with made.create(folder, words) as writer:
            writer.add(ids, stored)
            writer.commit()
    asked = Query(text, without=("07",))
    here = fitted_to_words([picture], asked, open_index(tmp_path / "here"))
    there = fitted_to_words([picture], asked, backend.open(tmp_path / "there"))
    assert here.words() == there.words() and len(here)


def test_upserts_and_deletes_leave_what_the_oracle_finds(
    backend: Backend, words: Vocabulary, random_batch: MakeBatch
) -> None:
    def check(data: st.DataObject) -> None:
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
        levels = levels_of(backend, data)
        live: dict[str, LexicalVector] = {}
        with tempfile.TemporaryDirectory() as name, backend.create(Path(name), words) as writer:
            for _ in range(data.draw(st.integers(1, 5), label="commits")):
                for _ in range(data.draw(st.integers(0, 3), label="changes")):
                    if live and data.draw(st.booleans(), label="delete"):
                        gone = data.draw(st.sets(st.sampled_from(sorted(live)), min_size=1))
                        writer.delete(sorted(gone))
                        live = {key: value for key, value in live.items() if key not in gone}
                    else:
                        ids = data.draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1))
                        vectors = random_batch(rng, len(ids), levels=levels)
                        writer.add(ids, vectors)
                        live |= dict(zip(ids, vectors, strict=True))
                writer.commit()
                index, asked = backend.open(Path(name)), random_batch(rng, 3, levels=levels)
                k = data.draw(st.integers(1, 12), label="k")
                assert index.search(asked, k=k) == oracle(live, words).search(asked, k=k)
                assert len(index) == len(live)
                every = np.arange(len(words), dtype=np.int32)
                for doc_id, stored in live.items():
                    expected = np.zeros(len(words), np.float32)
                    expected[stored.term_ids] = stored.weights
                    assert index.weights([doc_id], every)[0].tolist() == expected.tolist()

    drawn(backend, check)


def test_whole_queries_equal_the_oracle_or_are_refused_by_name(
    backend: Backend, words: Vocabulary, random_batch: MakeBatch
) -> None:
    def check(data: st.DataObject) -> None:
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
        levels = levels_of(backend, data)
        live: dict[str, LexicalVector] = {}
        fields: dict[str, dict[str, FieldValue]] = {}
        with tempfile.TemporaryDirectory() as name:
            with backend.create(Path(name), words) as writer:
                for _ in range(data.draw(st.integers(1, 4), label="commits")):
                    ids = data.draw(st.lists(st.sampled_from(DOC_IDS), unique=True, min_size=1))
                    vectors = random_batch(rng, len(ids), levels=levels)
                    rows = {one: row(int(rng.integers(12))) for one in ids}
                    if data.draw(st.booleans(), label="path"):
                        rows = {one: {**values, "path": one} for one, values in rows.items()}
                    names = next(iter(rows.values()))
                    columns = {field: [rows[one][field] for one in ids] for field in names}
                    writer.add(ids, vectors, fields=columns)
                    live |= dict(zip(ids, vectors, strict=True))
                    fields |= rows
                    gone = data.draw(st.sets(st.sampled_from(sorted(live)), max_size=2))
                    writer.delete(sorted(gone))
                    live = {key: value for key, value in live.items() if key not in gone}
                    writer.commit()
            index, exact = backend.open(Path(name)), oracle(live, words, fields)
            weights = (0.25, 0.5, 1.0) if offers.EXACT_WEIGHTS not in backend.offers else ()
            for _ in range(5):
                query = data.draw(queries(words, *([weights] if weights else [])))
                check_one(backend, index, exact, query, data.draw(st.integers(1, 12), label="k"))

    drawn(backend, check)


def check_one(backend: Backend, index: Any, exact: ExactIndex, query: Query, k: int) -> None:
    if not used_by(query) <= backend.offers:
        with pytest.raises(InputError, match=f"backend {backend.name}"):
            index.find(query, k=k)
        return
    assert index.find(query, k=k) == exact.find(query, k=k)
    if len(exact):
        for found in answer(index, query, k=k):
            added_up = sum(word.product for word in found.words)
            assert np.isclose(added_up, found.score, rtol=1e-12)


@pytest.mark.parametrize("part", [offers.REQUIRED, offers.EXCLUDED, offers.ALTERNATIVES,
                                  offers.FILTERS, offers.WITHOUT])  # fmt: skip
def test_an_operator_that_is_not_offered_is_named(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path, part: str
) -> None:
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(["a", "b"], batch({"dog": 0.5}, {"dog": 0.25}), fields={"size": [1, 2]})
        writer.commit()
    dog = vector(words, {"dog": 1.0})
    holds_dog = (AnyOf(((Holds(words.words.index("dog"), 0.3),),)),)
    query, told, found = {
        offers.REQUIRED: (Query(dog, required=holds_dog), r"\+dog", ["a"]),
        offers.EXCLUDED: (Query(dog, excluded=holds_dog), "-dog", ["b"]),
        offers.ALTERNATIVES: (Query(dog, choices=(Choice((dog,)),)), "OR", ["a", "b"]),
        offers.FILTERS: (Query(dog, filters=(NumberFilter("size", 2, None),)), "size:", ["b"]),
        offers.WITHOUT: (Query(dog, without=("a",)), "--like", ["b"]),
    }[part]
    index = backend.open(tmp_path / "index")
    if part in backend.offers:
        assert [hit.doc_id for hit in index.find(query)] == found
    else:
        with pytest.raises(InputError, match=told):
            index.find(query)


def test_all_that_a_backend_says_is_known() -> None:
    assert set().union(*OFFERED.values()) <= set(offers.OFFERS)
    assert all(offers.WORDS in offered for offered in OFFERED.values())


def test_documents_and_queries_without_words_and_fewer_hits_than_asked_for(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(["empty", "dog", "cat"], batch({}, {"dog": 1.0}, {"cat": 0.5}))
        writer.commit()
    index = backend.open(tmp_path / "index")
    found = index.search(batch({}, {"red": 1.0}, {"dog": 1.0, "cat": 1.0}), k=1000)
    assert [[hit.doc_id for hit in hits] for hits in found] == [[], [], ["dog", "cat"]]
    assert len(index) == 3
    assert index.weights(["empty"], np.array([0, 3], np.int32)).tolist() == [[0.0, 0.0]]


def test_an_index_without_documents_or_words_can_be_searched(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    with backend.create(tmp_path / "index", words) as writer:
        writer.commit()
        assert backend.open(tmp_path / "index").search(batch({"dog": 1.0})) == [[]]
        writer.add(["empty"], batch({}))
        writer.commit()
        assert backend.open(tmp_path / "index").search(batch({"dog": 1.0})) == [[]]


def test_ties_at_the_cut_fall_by_rising_id(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    ids = [f"{number:03d}" for number in np.random.default_rng(0).permutation(120)]
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(ids, batch(*[{"dog": 0.5}] * len(ids)))
        writer.commit()
    (hits,) = backend.open(tmp_path / "index").search(batch({"dog": 2.0}), k=5)
    assert [(hit.doc_id, hit.score, hit.rank) for hit in hits] == [
        (f"{number:03d}", 1.0, number + 1) for number in range(5)
    ]


def test_wrong_questions_are_refused(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(["a"], batch({"dog": 1.0}))
        writer.commit()
    index: Index = backend.open(tmp_path / "index")
    with pytest.raises(InputError, match="at least 1 hit"):
        index.search(batch({"dog": 1.0}), k=0)
    with pytest.raises(MismatchError):
        index.search(SparseBatch.from_words([{"dog": 1.0}], Vocabulary(["dog"])))
    assert index.vocabulary == words
    assert index.model_id == MODEL_ID


def test_deleting_what_is_not_there_changes_nothing(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(["a"], batch({"dog": 1.0}))
        writer.commit()
        with pytest.raises(MissingError, match="gone"):
            writer.delete(["a", "gone"])
        writer.commit()
    (hits,) = backend.open(tmp_path / "index").search(batch({"dog": 1.0}))
    assert [hit.doc_id for hit in hits] == ["a"]


def test_what_was_not_committed_is_dropped(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(["a", "b"], batch({"dog": 1.0}, {"dog": 0.5}))
        writer.commit()
        writer.add(["a", "c"], batch({"dog": 0.25}, {"dog": 2.0}))
        writer.delete(["b"])
        writer.rollback()
        writer.add(["d"], batch({"dog": 0.75}))
        writer.commit()
        writer.delete(["d"])
    (hits,) = backend.open(tmp_path / "index").search(batch({"dog": 1.0}))
    assert [(hit.doc_id, hit.score) for hit in hits] == [("a", 1.0), ("d", 0.75), ("b", 0.5)]


def test_an_index_is_the_same_after_a_restart(
    backend: Backend, words: Vocabulary, random_batch: MakeBatch, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    ids = [f"{number}.jpg" for number in range(80)]
    vectors, asked = random_batch(rng, 80, levels=4), random_batch(rng, 5, levels=4)
    with backend.create(tmp_path / "index", words) as writer:
        writer.add(ids, vectors)
        writer.commit()
    backend.restart()
    expected = oracle(dict(zip(ids, vectors, strict=True)), words).search(asked, k=20)
    assert backend.open(tmp_path / "index").search(asked, k=20) == expected
    backend.restart()
    with backend.change(tmp_path / "index") as writer:
        writer.delete(ids[:40])
        writer.commit()
    rest = dict(zip(ids[40:], list(vectors)[40:], strict=True))
    found = backend.open(tmp_path / "index").search(asked, k=20)
    assert found == oracle(rest, words).search(asked, k=20)


def test_corrections_count_or_are_refused(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    with backend.create(folder, words) as writer:
        writer.add(["a", "b"], batch({"dog": 0.5, "red": 1.0}, {"dog": 0.25}))
        writer.commit()
    added = DocumentCorrection(added={"cat": 0.9}, removed=frozenset(["dog"]))
    change_corrections(
        folder, lambda now: now.with_document("a", added).with_muted(frozenset(["red"]))
    )
    if offers.CORRECTIONS not in backend.offers:
        with pytest.raises(InputError, match="corrected or muted"):
            backend.open(folder)
        return
    hits = backend.open(folder).search(batch({"dog": 1.0, "red": 1.0}, {"cat": 1.0}))
    assert [[hit.doc_id for hit in found] for found in hits] == [["b"], ["a"]]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from lexret.engine.segments.manifest import Manifest
    from lexret.engine.commits import Commits
    from lexret.interop.backends import open_writer
    from lexret.sparse import SparseBatch
    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)
    writer = open_writer(Path(sys.argv[1]))
    words = writer.snapshot().vocabulary
    writer.add(["new", "old"], SparseBatch.from_words([{"dog": 2.0}, {"dog": 4.0}], words))
    writer.delete(["gone"])
"""
MOMENTS = {
    "before the commit": "if writer.backend_name: writer._send()\ndie()",
    "when all is written but the manifest": "Manifest.save = die\nwriter.commit()",
    "when the manifest is written": "Commits.clean = die\nwriter.commit()",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_writer_leaves_a_whole_commit(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path, moment: str
) -> None:
    folder = tmp_path / "index"
    with backend.create(folder, words) as writer:
        writer.add(["old", "gone"], batch({"dog": 1.0}, {"dog": 0.5}))
        writer.commit()
    backend.restart()  # a file is open in one process at a time
    code = textwrap.dedent(KILLED) + MOMENTS[moment]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    is_new = moment == "when the manifest is written"
    expected = [("old", 4.0), ("new", 2.0)] if is_new else [("old", 1.0), ("gone", 0.5)]
    assert found_by(backend, folder, batch) == expected
    with backend.change(folder) as writer:
        writer.add(["newer"], batch({"dog": 3.0}))
        writer.commit()
    after = sorted([*expected, ("newer", 3.0)], key=lambda hit: -hit[1])
    assert found_by(backend, folder, batch) == after
    if backend.uri is not None:
        with open_writer(folder) as writer:
            assert len(writer.collection) == len(after)  # type: ignore[attr-defined]


def found_by(backend: Backend, folder: Path, batch: MakeBatch) -> list[tuple[str, float]]:
    (hits,) = backend.open(folder).search(batch({"dog": 1.0}))
    return [(hit.doc_id, hit.score) for hit in hits]


def test_a_backend_does_what_it_says_of_all_vectors_and_sure_hits(
    backend: Backend, words: Vocabulary, batch: MakeBatch, tmp_path: Path
) -> None:
    from lexret.engine.vectors import CorrectedVectors
    from lexret.interop.backends import open_index

    with backend.create(tmp_path / "index", words) as writer:
        writer.add(["a"], batch({"dog": 0.5}))
        writer.commit()
    index = open_index(tmp_path / "index")
    dog = batch({"dog": 1.0}).row(0)
    for part, ask in (
        (offers.ALL_VECTORS, lambda: len(CorrectedVectors(index))),
        (offers.SURE_HITS, lambda: index.score_moments(dog)),
    ):
        if part in backend.offers:
            ask()
        else:
            with pytest.raises(LexretError, match=backend.name):
                ask()
