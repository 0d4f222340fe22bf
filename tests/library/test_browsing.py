"""The timeline, counts of words, narrowing words, details and corrections of a whole library."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.engine.index import open_index
from lexret.engine.segments.segment import Segment
from lexret.errors import InputError, MissingError
from lexret.library.asking.query_words import query_words
from lexret.library.asking.question import Question
from lexret.library.browsing import word_counts
from lexret.library.browsing.narrowing import narrowing_words
from lexret.library.browsing.overview import examples, strongest_words
from lexret.library.browsing.word_counts import WordCounter, count_held
from lexret.library.library import Library

TAKEN = {
    "a.jpg": "2024:06:15 14:30:05",
    "b.jpg": "2024:06:01 00:00:00",
    "c.jpg": "1999:12:31 23:59:59",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for number, name in enumerate(["a.jpg", "b.jpg", "c.jpg", "d.png", "e.png"]):
        noise = rng.integers(0, 256, (30 + number, 60, 3), dtype=np.uint8)
        exif = Image.Exif()
        if name in TAKEN:
            exif[0x0110] = "Tiny 1"
            exif.get_ifd(0x8769)[0x9003] = TAKEN[name]
        Image.fromarray(noise).save(tmp_path / name, exif=exif)
    when = datetime(2010, 5, 4, 12, 0, 0).timestamp()
    for name in ("d.png", "e.png"):
        os.utime(tmp_path / name, (when, when))
    return tmp_path


@pytest.fixture
def library(folder: Path, static_model_folder: Path) -> Iterator[Library]:
    yield Library.create(folder, model=str(static_model_folder))


def test_all_pictures_stand_by_date_the_latest_first(library: Library) -> None:
    line = library.timeline()
    found = list(line.pictures(0, 10))
    assert [one.doc_id for one in found] == ["a.jpg", "b.jpg", "d.png", "e.png", "c.jpg"]
    assert [one.date for one in found][::2] == [
        "2024-06-15T14:30:05", "2010-05-04T12:00:00", "1999-12-31T23:59:59",
    ]  # fmt: skip
    assert [one.by_file for one in found] == [False, False, True, True, False]
    months = [(one.month, one.num_pictures, one.num_by_file) for one in line.months()]
    assert months == [("2024-06", 2, 0), ("2010-05", 2, 2), ("1999-12", 1, 0)]
    assert line.widths_N.tolist() == [60] * 5 and line.heights_N.tolist() == [30, 31, 33, 34, 32]
    assert [one.doc_id for one in line.pictures(3, 1)] == ["e.png"]
    assert list(line.pictures(5, 10)) == []
    assert [line.place_of(one.doc_id) for one in found] == [0, 1, 2, 3, 4]
    assert line.place_of("no such.png") is None


def test_a_picture_that_is_gone_leaves_the_timeline(library: Library, folder: Path) -> None:
    (folder / "b.jpg").unlink()
    library.update()
    assert library.timeline().place_of("b.jpg") is None
    assert library.timeline().place_of("d.png") == 1
    assert [one.doc_id for one in library.timeline().pictures(0, 10)][:2] == ["a.jpg", "d.png"]
    assert len(library.timeline()) == len(library) == 4


def by_hand(library: Library, levels: np.ndarray | None) -> list[int]:
    """Count what each word is held by, picture by picture."""
    index = library.snapshot().index
    least = np.zeros(len(index.vocabulary)) if levels is None else levels
    counts = np.zeros(len(index.vocabulary), int)
    for doc_id in index.doc_ids():
        vector = index.vector(doc_id)
        counts[vector.term_ids] += vector.weights >= least[vector.term_ids]
    return [int(count) for count in counts]


@pytest.mark.parametrize("level", [None, 0.05, 0.3])
def test_words_are_counted_as_they_are_held(library: Library, folder: Path, level: float) -> None:
    library.correct("a.jpg", add=["sea"], remove=["dog"])
    library.correct("d.png", remove=["sea"])
    library.mute("car")
    (folder / "b.jpg").unlink()
    library.update()
    index = open_index(library.path)
    levels = None if level is None else np.full(len(index.vocabulary), level, np.float32)
    assert count_held(index, levels).tolist() == by_hand(library, levels)
    assert count_held(index, levels)[index.vocabulary.term_id("car")] == 0


def test_counts_are_those_of_the_newest_commit(library: Library) -> None:
    index = library.snapshot().index
    term = index.vocabulary.term_id("sea")
    before = int(library.word_counts()[term])
    library.correct("a.jpg", remove=["sea"])
    library.correct("b.jpg", add=["sea"])
    after = int(library.word_counts()[term])
    held = [vector.weights[vector.term_ids == term] for vector in
            map(library.snapshot().index.vector, library.snapshot().index.doc_ids())]  # fmt: skip
    levels = library.encoders().levels_V()
    least = 0.0 if levels is None else levels[term]
    assert after == sum(bool(len(one) and one[0] >= least) for one in held)
    assert before <= len(library)


def test_completions_begin_with_the_word_of_most_pictures(library: Library) -> None:
    found = library.complete("s", k=20)
    counts = [one.num_pictures for one in found]
    assert counts == sorted(counts, reverse=True) and len(found) > 2
    assert all(one.word.startswith("s") for one in found[:3])


def test_narrowing_words_tell_hits_from_the_library() -> None:
    class Words:
        words = ("common", "telling", "rare", "query", "tellings")

        def numbers_of(self, word: str) -> tuple[str, ...]:
            return {"tellings": ("telling",), "telling": ("tellings",)}.get(word, ())

    class Index:
        vocabulary = Words()

        def __len__(self) -> int:
            return 100

        def weights(self, hits: list[str], terms: np.ndarray) -> np.ndarray:
            number = {0: 10, 1: 4, 2: 1, 3: 10, 4: 4}
            return np.array(
                [[place < number[int(term)] for term in terms] for place in range(len(hits))],
                np.float32,
            )

    counts = np.array([90, 6, 5, 40, 6])
    hits = [str(number) for number in range(10)]
    found = narrowing_words(Index(), hits, counts, None, without=[3], k=5)  # type: ignore[arg-type]
    # All hits hold "common"; one alone holds "rare"; "tellings" says the same as "telling".
    assert [(one.word, one.num_hits) for one in found] == [("telling", 4)]


def test_the_strongest_words_are_told_once_and_examples_find_something(library: Library) -> None:
    index = library.snapshot().index
    words = library.strongest_words(10)
    counts = [one.num_pictures for one in words]
    assert counts == sorted(counts, reverse=True) and len({one.word for one in words}) == len(words)
    assert strongest_words(index.vocabulary, np.zeros(len(index.vocabulary), int), 5, k=3) == []
    found = examples(index, words, library.encoders().levels_V())
    assert "date:2024" in found
    for query in found:
        assert library.search(query), query


def test_details_tell_what_the_index_knows(library: Library, folder: Path) -> None:
    library.set_fields(["a.jpg"], {"stars": "5", "place": "Nice"})
    library.correct("a.jpg", add=["sea"], remove=["dog"])
    (folder / "copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    library.update()
    found = library.details("a.jpg")
    assert (found.width, found.height, found.date) == (60, 30, "2024-06-15T14:30:05")
    assert found.date_from == "exif" and found.camera == {"camera": "Tiny 1"}
    assert found.fields == {"stars": 5, "place": "Nice"}
    assert found.added == ("sea",) and found.removed == ("dog",)
    assert found.size == (folder / "a.jpg").stat().st_size
    assert [copy.doc_id for copy in found.copies] == ["copy.jpg"]
    assert library.details("d.png").date_from == "file"
    with pytest.raises(MissingError):
        library.details("gone.jpg")


def test_what_cannot_be_corrected_changes_nothing(library: Library) -> None:
    with pytest.raises(MissingError):
        library.correct(["a.jpg", "gone.jpg"], add=["sea"])
    with pytest.raises(InputError, match="not in the vocabulary"):
        library.correct("a.jpg", add=["sea", "nosuchword"])
    with pytest.raises(InputError, match="list"):
        library.correct("a.jpg", add="sea")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is not muted"):
        library.mute("sea", undo=True)
    assert not library.snapshot().index.corrections


def test_query_words_are_what_was_typed_then_what_was_added(library: Library) -> None:
    def words(text: str) -> list[tuple[str, bool]]:
        understood = library.understand(Question(text))
        found = query_words(understood, library.snapshot().index.vocabulary, k=3)
        return [(one.word, one.typed) for one in found]

    found = words("sea dog path:car*")
    assert found[:2] == [("sea", True), ("dog", True)] and len(found) <= 5
    assert not any(typed for _, typed in found[2:])
    assert ("dog", True) not in words("sea -dog")
    assert words("path:**") == []


def test_hits_go_on_where_others_were_left_out(library: Library) -> None:
    snapshot = library.snapshot()
    understood = library.understand(Question("a dog or a sea"), snapshot)
    every = library.find(understood, snapshot, k=5)
    rest = library.find(understood, snapshot, k=2, start=2)
    assert [hit.doc_id for hit in rest] == [hit.doc_id for hit in every[2:4]]
    assert [hit.rank for hit in rest] == [3, 4] and rest.more


@pytest.mark.slow
def test_a_timeline_of_many_pictures_is_made_in_a_moment(library: Library) -> None:
    from lexret.engine.writer import EmbeddedIndexWriter
    from lexret.sparse import SparseBatch

    vector = library.snapshot().index.vector("a.jpg")
    number = 100_000
    ids = [f"p/{place:06}.jpg" for place in range(number)]
    fields = {"path": list(ids), "size": [1] * number, "width": [30] * number,
              "height": [20] * number, "sha256": [f"{n:064x}" for n in range(number)],
              "mtime_ns": [10**18 + n * 10**12 for n in range(number)]}  # fmt: skip
    with EmbeddedIndexWriter.open(library.path) as writer:
        writer.add(
            ids, SparseBatch.from_vectors([vector] * number, vector.vocabulary), fields=fields
        )
        writer.commit()
    fresh = Library.open(library.path)
    fresh.snapshot()
    started = time.process_time()
    line = fresh.timeline()
    assert len(line) == number + 5 and sum(one.num_pictures for one in line.months()) == len(line)
    assert time.process_time() - started < 2


def test_after_a_commit_only_new_segments_are_counted(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_counts, "_FEW", 1)  # in so small an index, one is more than a few
    counted: list[str] = []
    held_in = word_counts._held_in

    def noting(segment: Segment, least_V: np.ndarray) -> np.ndarray:
        counted.append(segment.entry.name)
        return held_in(segment, least_V)

    monkeypatch.setattr(word_counts, "_held_in", noting)
    levels = np.full(len(library.snapshot().index.vocabulary), 0.1, np.float32)
    counter = WordCounter()
    counter.count(open_index(library.path), levels)
    assert len(counted) == 1
    (folder / "b.jpg").unlink()
    Image.new("RGB", (40, 30), (9, 90, 200)).save(folder / "new.png")
    library.update()
    index = open_index(library.path)
    assert counter.count(index, levels).tolist() == by_hand(library, levels)
    names = [segment.entry.name for segment in index.segments]
    assert counted == names and len(names) == 2
    assert index.segments[0].deleted is not None
    Image.new("RGB", (40, 30), (90, 90, 0)).save(folder / "newer.png")
    library.update()
    assert counter.count(open_index(library.path), levels).tolist() == by_hand(library, levels)
    assert len(counted) == 3
    monkeypatch.setattr(word_counts, "_FEW", 1000)  # so many are deleted that all is counted again
    (folder / "a.jpg").unlink()
    library.update()
    assert counter.count(open_index(library.path), levels).tolist() == by_hand(library, levels)
    assert len(counted) == 4
    assert counter.count(open_index(library.path), None).tolist() == by_hand(library, None)


def test_one_of_each_set_of_copies_stands_in_the_timeline_with_their_number(
    library: Library, folder: Path
) -> None:
    for name in ("a copy with a long name.jpg", "a2.jpg"):
        shutil.copyfile(folder / "a.jpg", folder / name)
        os.utime(folder / name, ns=(1, (folder / "a.jpg").stat().st_mtime_ns))
    library.update()
    every = [one.doc_id for one in library.timeline().pictures(0, 10)]
    assert len(every) == 7
    line = library.timeline(copies=False)
    shown = [(one.doc_id, one.num_copies) for one in line.pictures(0, 10)]
    assert shown[0] == ("a.jpg", 2) and [number for _, number in shown[1:]] == [0] * 4
    assert len(line) == 5 == len(line.widths_N)
    assert [line.place_of(name) for name in ("a.jpg", "a2.jpg")] == [0, None]
    assert sum(month.num_pictures for month in line.months()) == 5
    # As in a search, a copy that was corrected on its own is another picture.
    library.correct("a2.jpg", remove=[library.words("a2.jpg", 1)[0].word])
    shown = [(one.doc_id, one.num_copies)
             for one in library.timeline(copies=False).pictures(0, 10)]  # fmt: skip
    assert sorted(shown[:2]) == [("a.jpg", 1), ("a2.jpg", 0)]
