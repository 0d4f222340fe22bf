"""Files of the same bytes are one hit of a search, which names the others that fit."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lexret
from lexret.engine import open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.engine.query.query import Query
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.library.asking.copies import WithoutCopies
from lexret.library.asking.results import Results
from lexret.library.duplicates import same_content
from lexret.library.library import Library
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path: Path, static_model_folder: Path) -> Path:
    """Four pictures; the second is there four times, under names before and behind its own."""
    root = tmp_path / "photos"
    for number in range(4):
        noise(root / f"n{number}.png", number)
    (root / "backup").mkdir()
    for name in ("backup/n1.png", "a.png", "n1 (2).png"):
        shutil.copyfile(root / "n1.png", root / name)
    for when, name in enumerate(["n1.png", "a.png", "backup/n1.png", "n1 (2).png"], start=10):
        os.utime(root / name, (when, when))
    lexret.Library.create(root, model=str(static_model_folder))
    return root


def shown(results: Results) -> list[tuple[str, list[str]]]:
    return [(hit.doc_id, [copy.doc_id for copy in hit.copies]) for hit in results]


def copies_of(root: Path, text: str = "dog", **options: object) -> dict[str, list[str]]:
    return dict(shown(lexret.Library.open(root).search(text, **options)))


ALL = ["a.png", "backup/n1.png", "n1 (2).png"]


@pytest.mark.parametrize("text", ["dog", "dog^0.5 path:**", "path:**", "-car>9", "(dog OR car)"])
def test_copies_are_one_hit_that_counts_the_others(root: Path, text: str) -> None:
    results = lexret.Library.open(root).search(text)
    assert dict(shown(results)) == {"n0.png": [], "n1.png": ALL, "n2.png": [], "n3.png": []}
    assert [hit.rank for hit in results] == [1, 2, 3, 4]
    assert results[[hit.doc_id for hit in results].index("n1.png")].copies[0].path == root / "a.png"


def test_with_the_switch_each_copy_is_a_hit(root: Path) -> None:
    results = lexret.Library.open(root).search("dog", copies=True)
    assert len(results) == 7
    assert all(not hit.copies for hit in results)
    collapsed = lexret.Library.open(root).search("dog")
    score = {hit.doc_id: (hit.score, hit.words) for hit in results}
    assert [(hit.score, hit.words) for hit in collapsed] == [score[h.doc_id] for h in collapsed]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_k_counts_hits_whatever_the_copies(root: Path, k: int) -> None:
    photos = lexret.Library.open(root)
    for text in ("dog", "path:**"):
        every, some = photos.search(text), photos.search(text, k=k)
        assert shown(some) == shown(every)[:k]
        assert some.more == (k < 4)


def test_a_copy_that_the_filters_leave_out_does_not_count(root: Path) -> None:
    assert copies_of(root, "dog path:n*")["n1.png"] == ALL[1:]
    assert copies_of(root, "dog path:backup/**") == {"backup/n1.png": []}
    assert copies_of(root, "dog -path:n1.png")["a.png"] == ["n1 (2).png"]


def test_neither_what_is_looked_for_by_its_likeness_nor_a_copy_of_it_is_a_hit(root: Path) -> None:
    found = copies_of(root, "", like="a.png")
    assert found and not {*found, *itertools.chain(*found.values())} & {"a.png", *ALL}
    every = {hit.doc_id for hit in Library.open(root).search(like="a.png", k=100, copies=True)}
    assert every and not every & {"a.png", *ALL}


def test_the_copy_to_show_is_the_one_that_duplicates_keeps(root: Path) -> None:
    (group,) = same_content(open_index(root / ".lexret"))
    assert [one.doc_id for one in group.pictures] == ["n1.png", *ALL]
    os.utime(root / "n1 (2).png", (1, 1))
    lexret.Library.open(root).update()
    assert copies_of(root)["n1 (2).png"] == ["n1.png", "a.png", "backup/n1.png"]


def test_copies_that_go_or_move_are_followed(root: Path) -> None:
    (root / "a.png").unlink()
    (root / "backup" / "n1.png").rename(root / "z.png")
    lexret.Library.open(root).update()
    assert copies_of(root)["n1.png"] == ["z.png", "n1 (2).png"]
    for name in ("z.png", "n1 (2).png"):
        (root / name).unlink()
    lexret.Library.open(root).update()
    assert copies_of(root)["n1.png"] == []


def test_a_copy_that_was_corrected_on_its_own_is_another_picture(root: Path) -> None:
    index = root / ".lexret"

    def correct(*names: str) -> None:
        for name in names:
            change_corrections(
                index, lambda now, name=name: now.with_document(name, now.of(name).plus("car", 2.0))
            )

    correct("a.png")
    found = copies_of(root)
    assert (found["n1.png"], found["a.png"]) == (["backup/n1.png", "n1 (2).png"], [])
    correct("n1.png")  # corrected alike, they are one picture again
    found = copies_of(root)
    assert (found["n1.png"], found["backup/n1.png"]) == (["a.png"], ["n1 (2).png"])
    for name in ("a.png", "n1.png"):
        change_corrections(
            index, lambda now, name=name: now.with_document(name, DocumentCorrection())
        )
    assert copies_of(root)["n1.png"] == ALL


def make_index(place: Path, contents: list[str], scores: list[float]) -> None:
    vocabulary = Vocabulary(["a", "b"])
    with EmbeddedIndexWriter.create(place, vocabulary, model_id="m") as writer:
        for start in range(0, len(contents), 50):
            part = slice(start, start + 50)
            words = [{"a": score} for score in scores[part]]
            ids = [f"{number:05d}" for number in range(start, start + len(words))]
            writer.add(
                ids, SparseBatch.from_words(words, vocabulary), fields={"sha256": contents[part]}
            )
            writer.commit()


def test_ranks_are_those_of_a_list_without_copies(tmp_path: Path) -> None:
    """Held against the plain way: all hits, the first of each content kept."""
    rng = np.random.default_rng(1)
    files = rng.integers(0, 60, 400)
    score_of = rng.random(60).round(1) + 0.1  # with ties between different files
    make_index(
        tmp_path / "index",
        [f"{file:064x}" for file in files],
        [float(score_of[file]) for file in files],
    )
    index = open_index(tmp_path / "index")
    query = Query(vector=SparseBatch.from_words([{"a": 1.0}], index.vocabulary).row(0))
    every = index.find(query, k=400)
    names = {f"{number:05d}": file for number, file in enumerate(files.tolist())}
    wanted: dict[int, list[str]] = {}
    for hit in every:
        wanted.setdefault(names[hit.doc_id], []).append(hit.doc_id)
    view = WithoutCopies(index, index)
    for k in (1, 2, 10, 59, 100):
        hits = view.find(query, k=k)
        assert [hit.doc_id for hit in hits] == [ids[0] for ids in list(wanted.values())[:k]]
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        for hit in hits:
            assert [hit.doc_id, *view.copies_of(hit.doc_id)] == wanted[names[hit.doc_id]]


def test_thousands_of_copies_take_few_searches(tmp_path: Path) -> None:
    contents = ["c" * 64] * 3000 + [f"{number:064x}" for number in range(5)]
    make_index(tmp_path / "index", contents, [2.0] * 3000 + [1.0] * 5)
    index = open_index(tmp_path / "index")
    asked = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(index, name)

        def find(self, query: Query, *, k: int = 10):
            asked.append(k)
            return index.find(query, k=k)

    view = WithoutCopies(Counting(), index)  # type: ignore[arg-type]
    query = Query(vector=SparseBatch.from_words([{"a": 1.0}], index.vocabulary).row(0))
    hits = view.find(query, k=4)
    assert [hit.doc_id for hit in hits] == ["00000", "03000", "03001", "03002"]
    assert len(view.copies_of("00000")) == 2999
    assert len(asked) == 2


def test_pictures_whose_content_is_not_recorded_are_hits_of_their_own(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["a"])
    with EmbeddedIndexWriter.create(tmp_path / "index", vocabulary, model_id="m") as writer:
        writer.add(["1", "2"], SparseBatch.from_words([{"a": 1.0}] * 2, vocabulary))
        writer.commit()
    index = open_index(tmp_path / "index")
    view = WithoutCopies(index, index)
    assert [hit.doc_id for hit in view.find(Query(), k=5)] == ["1", "2"]
    assert view.copies_of("1") == ()
