"""Several indexes as one: the answers are those of the one index of all their documents."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_queries import DOC_IDS, queries, row

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index, searcher
from lexret.engine.corrections.corrections import (
    NO_CORRECTIONS,
    Corrections,
    DocumentCorrection,
    change_corrections,
)
from lexret.engine.joined import join_indexes
from lexret.engine.postings.acceleration import Engine
from lexret.engine.shared_text import documents_with
from lexret.engine.vectors import CorrectedVectors, read_documents
from lexret.errors import MismatchError, MissingError
from lexret.explain.answers import answer
from lexret.library.browsing.word_counts import count_held
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary


def write(
    path: Path,
    words: Vocabulary,
    commits: list[dict[str, LexicalVector]],
    fields: dict[str, dict],
    corrections: Corrections,
) -> EmbeddedIndex:
    """Write an index of some commits; what a commit does not name, an earlier one may hold."""
    with EmbeddedIndexWriter.create(path, words, model_id="test") as writer:
        for documents in commits:
            ids = list(documents)
            if ids:
                names = row(0) if ids else {}
                writer.add(
                    ids,
                    SparseBatch.from_vectors([documents[one] for one in ids], words),
                    fields={name: [fields[one][name] for one in ids] for name in names},
                )
            writer.commit()
    change_corrections(path, lambda _old: corrections)
    return open_index(path)


def corrections_for(words: Vocabulary) -> st.SearchStrategy[Corrections]:
    some = st.sampled_from(words.words)
    documents = st.dictionaries(
        st.sampled_from(DOC_IDS),
        st.builds(
            lambda added, removed: DocumentCorrection(added, frozenset(removed) - added.keys()),
            st.dictionaries(some, st.sampled_from([0.25, 0.9]), max_size=2),
            st.sets(some, max_size=2),
        ),
        max_size=3,
    )
    return st.builds(Corrections, documents, st.frozensets(some, max_size=1))


def part_of(corrections: Corrections, ids: set[str], *, muted: bool) -> Corrections:
    mine = {one: each for one, each in corrections.documents.items() if one in ids}
    return Corrections(mine, corrections.muted if muted else frozenset())


@pytest.mark.parametrize("in_threads", [False, True])
@pytest.mark.parametrize("levels", [0, 4])
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_split_answers_as_the_whole(
    words, random_batch, levels: int, in_threads: bool, data: st.DataObject, seed: int
) -> None:
    if in_threads:
        pytest.importorskip("numba")
        with mock.patch.object(searcher, "WORTH_THREADS", 0):
            check_any_split(words, random_batch, levels, data, seed, engine="compiled")
    else:
        check_any_split(words, random_batch, levels, data, seed)


def check_any_split(
    words, random_batch, levels: int, data: st.DataObject, seed: int, *, engine: Engine = "auto"
) -> None:
    rng = np.random.default_rng(seed)
    held = data.draw(st.lists(st.sampled_from(DOC_IDS), unique=True), label="documents")
    vectors = dict(zip(held, random_batch(rng, len(held), levels=levels), strict=True))
    fields = {one: row(int(rng.integers(12))) for one in held}
    total = data.draw(st.integers(1, 4), label="parts")
    place = {one: int(rng.integers(total)) for one in held}
    muting = int(rng.integers(total))
    corrections = data.draw(corrections_for(words), label="corrections")
    commits = [dict(list(vectors.items())[start::2]) for start in (0, 1)]
    with tempfile.TemporaryDirectory() as folder:
        whole = write(Path(folder, "whole"), words, commits, fields, corrections)
        parts = []
        for number in range(total):
            ids = {one for one in DOC_IDS if place.get(one, 0) == number}
            mine = [{k: v for k, v in each.items() if k in ids} for each in commits]
            given_here = part_of(corrections, ids, muted=number == muting)
            parts.append(write(Path(folder, str(number)), words, mine, fields, given_here))
        joined = join_indexes(parts, engine=engine)
        for _ in range(5):
            query, k = data.draw(queries(words)), data.draw(st.integers(1, 12), label="k")
            assert joined.find(query, k=k) == whole.find(query, k=k)
            assert answer(joined, query, k=k) == answer(whole, query, k=k)
            asked = query.vector or LexicalVector(
                np.array([0, 3], np.int32), np.array([1.0, 0.5], np.float32), words
            )
            assert joined.search(asked.as_batch(), k=k) == whole.search(asked.as_batch(), k=k)
            assert np.allclose(
                joined.score_moments(asked), whole.score_moments(asked), rtol=1e-12, atol=1e-15
            )
        check_alike(joined, whole)


def check_alike(joined: EmbeddedIndex, whole: EmbeddedIndex) -> None:
    """Whether two indexes hold the same, whichever way one asks."""
    assert (len(joined), joined.doc_ids()) == (len(whole), whole.doc_ids())
    assert joined.columns == (whole.columns if len(whole) else joined.columns)
    assert count_held(joined, None).tolist() == count_held(whole, None).tolist()
    if not len(whole):
        return
    ids, every = whole.doc_ids(), np.arange(len(whole.vocabulary), dtype=np.int32)
    assert (joined.weights(ids, every) == whole.weights(ids, every)).all()
    assert (
        joined.uncorrected().weights(ids, every) == whole.uncorrected().weights(ids, every)
    ).all()
    for doc_id in ids:
        assert joined.document(doc_id) == whole.document(doc_id)
        assert doc_id in joined.part_of(doc_id)
    for one, other in zip(
        CorrectedVectors(joined).blocks(), CorrectedVectors(whole).blocks(), strict=True
    ):
        assert one.doc_ids == other.doc_ids
        assert (one.vectors.term_ids == other.vectors.term_ids).all()
        assert (one.vectors.weights == other.vectors.weights).all()
    stored = [
        sorted(
            (document.doc_id, sorted(document.fields.items()), vector.words())
            for chunk in read_documents(index)
            for document, vector in zip(chunk.documents, chunk.vectors, strict=True)
        )
        for index in (joined, whole)
    ]
    assert stored[0] == stored[1]
    from lexret.engine.query.query import Query

    cameras = [
        sorted(found.doc_id for found in documents_with(index, "camera", ["Leica M"], Query()))
        for index in (joined, whole)
    ]
    assert cameras[0] == cameras[1]


def test_a_document_that_no_part_holds_is_missing(tmp_path: Path, batch, make_index) -> None:
    make_index(tmp_path / "a", ["x"], batch({"dog": 1.0}))
    make_index(tmp_path / "b", ["y"], batch({"dog": 1.0}))
    joined = join_indexes([open_index(tmp_path / "a"), open_index(tmp_path / "b")])
    assert [part.path.name for part in joined.parts] == ["a", "b"]
    assert joined.part_of("y").path == tmp_path / "b"
    for ask in (joined.part_of, joined.vector, joined.document):
        with pytest.raises(MissingError, match="'z'"):
            ask("z")
    assert joined.num_bytes() == sum(part.num_bytes() for part in joined.parts)
    joined.verify()
    alone = open_index(tmp_path / "a")
    assert alone.parts == (alone,)
    assert alone.uncorrected().corrections == NO_CORRECTIONS


def test_a_commit_of_any_part_counts_up(tmp_path: Path, batch, make_index) -> None:
    for name in ("a", "b"):
        make_index(tmp_path / name, [name], batch({"dog": 1.0}))
    before = join_indexes([open_index(tmp_path / name) for name in ("a", "b")])
    with EmbeddedIndexWriter.open(tmp_path / "b") as writer:
        writer.add(["c"], batch({"cat": 1.0}))
        writer.commit()
    after = join_indexes([open_index(tmp_path / name) for name in ("a", "b")])
    assert after.manifest.generation == before.manifest.generation + 1
    assert (len(before), len(after)) == (2, 3)


def test_what_is_not_alike_is_named(tmp_path: Path, batch, make_index, words) -> None:
    make_index(tmp_path / "a", ["x"], batch({"dog": 1.0}), fields={"stars": [1]})
    make_index(tmp_path / "b", ["y"], batch({"dog": 1.0}), fields={"stars": [1.5]})
    with EmbeddedIndexWriter.create(tmp_path / "c", words, model_id="other") as writer:
        writer.commit()
    a, b, c = (open_index(tmp_path / name) for name in "abc")
    with pytest.raises(MismatchError, match=r"'stars' is int64 in .*/a, and float64 .*/b"):
        join_indexes([a, b])
    with pytest.raises(MismatchError, match=r"/a was made with .*test-0.*/c with other"):
        join_indexes([a, c])
