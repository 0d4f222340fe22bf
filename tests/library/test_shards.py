"""Shards: each picture is in one, and all together are the index that is made at once."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from waiting import until

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.errors import CorruptError, InputError, MismatchError, MissingError
from lexret.library.fields import set_fields
from lexret.library.folders import all_indexes, find_index, indexes_within
from lexret.library.library import Library
from lexret.library.shards import Shard, shard_place
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.merging import merge_indexes
from lexret.library.updating.reader import Decoding
from lexret.sparse import SparseBatch

HERE = Decoding(jobs=0)
OLD_NS = 1_500_000_000_000_000_000
TOTAL = 3


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)
    os.utime(path, ns=(OLD_NS, OLD_NS))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Two folders of pictures: copies in both, one that cannot be read, odd names."""
    for number in range(12):
        paint(tmp_path / "a" / f"{number}.png", (200 - 9 * number, 10 + 7 * number, 10))
    paint(tmp_path / "b" / "ä.png", (10, 10, 200))
    for number in range(4):
        (tmp_path / "b" / "sea").mkdir(exist_ok=True)
        shutil.copy2(tmp_path / "a" / "1.png", tmp_path / "b" / "sea" / f"copy {number}.png")
    (tmp_path / "a" / "broken.png").write_bytes(b"no picture")
    os.utime(tmp_path / "a" / "broken.png", ns=(OLD_NS, OLD_NS))
    return tmp_path


def update(here: Path, name: str, encoder, **options):
    options = {"decoding": HERE, **options}
    return index_folders([here / "a", here / "b"], here / name, encoder, **options)


def make_shards(here: Path, encoder, total: int = TOTAL) -> list[Path]:
    for number in range(1, total + 1):
        update(here, f"shards/{number}", encoder, shard=Shard(number, total))
    return [here / "shards" / str(number) for number in range(1, total + 1)]


def contents(place: Path) -> dict:
    index = EmbeddedIndex(place)
    index.verify()
    return {
        one.doc_id: (dict(one.fields), index.vector(one.doc_id).words())
        for one in index.documents()
    }


def files_of(place: Path) -> dict[str, bytes]:
    found = (path for path in (place / "segments").glob("*/*") if path.is_file())
    return {path.name: path.read_bytes() for path in found}


@settings(max_examples=50)
@given(name=st.text(max_size=30), total=st.integers(1, 9))
def test_each_picture_belongs_to_one_shard(name: str, total: int) -> None:
    held = [Shard(number, total).holds(name) for number in range(1, total + 1)]
    assert held.count(True) == 1


def test_the_split_is_even_and_never_changes() -> None:
    names = [f"2024/IMG_{number:04}.JPG" for number in range(4000)]
    counts = Counter(n for name in names for n in range(1, 5) if Shard(n, 4).holds(name))
    assert all(900 < count < 1100 for count in counts.values())
    first = [next(n for n in range(1, 8) if Shard(n, 7).holds(name)) for name in names[:12]]
    assert first == [6, 5, 3, 1, 4, 5, 1, 5, 5, 5, 5, 1]
    composed, apart = "Mädchen.jpg", "Ma\u0308dchen.jpg"  # as Linux and as macOS may list it
    assert all(Shard(n, 7).holds(composed) == Shard(n, 7).holds(apart) for n in range(1, 8))


def test_shards_are_read_as_they_are_written() -> None:
    assert str(Shard.parse("2/4")) == "2/4"
    assert Shard.of(("keywords-as-words", "shard=2/4")) == Shard(2, 4)
    assert Shard.of(()) is None
    for text in ("0/4", "5/4", "4", "1/0", "a/b", "1/4/2", " 1/4", "-1/4", "1 / 4", ""):
        with pytest.raises(InputError, match=r"written I/N.*2/4"):
            Shard.parse(text)


def test_merged_shards_are_the_index_that_is_made_at_once(here: Path, colours) -> None:
    whole = update(here, "whole", colours)
    shards = make_shards(here, colours)
    reports = [update(here, f"shards/{n}", colours) for n in (1, 2, 3)]  # as recorded
    assert [str(one.shard) for one in reports] == ["1/3", "2/3", "3/3"]
    assert sum(one.num_pictures for one in reports) == whole.num_pictures == 17
    assert all(one.num_pictures and not one.num_encoded for one in reports)
    assert len([skipped for one in reports for skipped in one.skipped]) == 1
    report = merge_indexes(shards, here / "merged")
    assert (report.num_documents, report.num_shared) == (17, 0)
    assert contents(here / "merged") == contents(here / "whole")
    assert files_of(here / "merged") == files_of(here / "whole")  # the very bytes
    mine, theirs = (EmbeddedIndex(here / name).manifest for name in ("merged", "whole"))
    for what in ("roots", "columns", "weights", "precision", "options", "runtimes", "model_id"):
        assert getattr(mine, what) == getattr(theirs, what)
    before = colours.num_encoded
    again = update(here, "merged", colours)
    assert (again.num_unchanged, again.num_added, again.num_removed) == (17, 0, 0)
    assert colours.num_encoded == before
    assert again.shard is None


def test_what_could_not_be_read_is_not_read_again(
    here: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: OLD_NS + 10**12)
    merge_indexes(make_shards(here, colours), here / "merged")
    read: list[str] = []
    from lexret.library.updating import update_run

    def reading(base, paths, **options):
        read.extend(paths)
        return real(base, paths, **options)

    real = update_run.read_files
    monkeypatch.setattr(update_run, "read_files", reading)
    report = update(here, "merged", colours)
    assert [skipped.path for skipped in report.skipped] == ["broken.png"]
    assert read == []


def test_a_shard_goes_on_as_what_it_is(here: Path, colours) -> None:
    make_shards(here, colours)
    held = contents(here / "shards/2")
    paint(here / "a/more.png", (1, 2, 3))
    new = [f"a/{n}.png" for n in range(100, 130)]
    for name in new:
        paint(here / name, (1, 2, 3))
    for number in (1, 2, 3):
        update(here, f"shards/{number}", colours)
    assert contents(here / "shards/2").keys() > held.keys()
    for wrong in (Shard(1, 3), Shard(2, 4)):
        with pytest.raises(InputError, match=rf"/2 is shard 2/3, but shard {wrong} is asked for"):
            update(here, "shards/2", colours, shard=wrong)
    update(here, "whole", colours)
    with pytest.raises(InputError, match=r"/whole holds all pictures, but shard 1/3"):
        update(here, "whole", colours, shard=Shard(1, 3))
    assert update(here, "shards/2", colours, rebuild=True).shard == Shard(2, 3)
    assert update(here, "shards/2", colours, rebuild=True, shard=Shard(1, 2)).shard == Shard(1, 2)


def test_a_shard_may_be_empty_and_is_there_all_the_same(tmp_path: Path, colours) -> None:
    paint(tmp_path / "a/only.png", (200, 10, 10))
    report = None
    for number in range(1, 5):
        report = index_folders(
            [tmp_path / "a"], tmp_path / f"s/{number}", colours, shard=Shard(number, 4),
            decoding=HERE,
        )  # fmt: skip
        assert report.num_pictures == Shard(number, 4).holds("only.png")
        again = index_folders([], tmp_path / f"s/{number}", colours, decoding=HERE)
        assert again.num_pictures == report.num_pictures
    library = Library(tmp_path / "s")
    assert len(library) == 1
    assert merge_indexes([tmp_path / "s"], tmp_path / "merged").num_documents == 1
    with pytest.raises(InputError, match="There is no picture in"):
        (tmp_path / "none").mkdir()
        index_folders([tmp_path / "none"], tmp_path / "t", colours, shard=Shard(1, 4))


def test_a_picture_that_leaves_a_folder_leaves_its_shard(here: Path, colours) -> None:
    make_shards(here, colours)
    gone = EmbeddedIndex(here / "shards/1").doc_ids()
    for doc_id in gone:
        (here / "a" / doc_id).unlink()
    report = update(here, "shards/1", colours)  # others are left: no disk is missing
    assert (report.num_removed, report.num_pictures) == (len(gone), 0)


def test_what_people_made_of_shards_comes_along(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    update(here, "whole", colours)
    for place in shards:
        doc_id = EmbeddedIndex(place).doc_ids()[0]
        for target in (place, here / "whole"):
            set_fields(target, {doc_id: {"stars": 4}})
            one = DocumentCorrection({"blue": 0.5})
            change_corrections(target, lambda now, d=doc_id, c=one: now.with_document(d, c))
    for target in (shards[1], here / "whole"):
        change_corrections(target, lambda now: now.with_muted(frozenset({"green"})))
    merge_indexes(shards, here / "merged")
    mine, theirs = open_index(here / "merged"), open_index(here / "whole")
    assert mine.corrections == theirs.corrections
    assert contents(here / "merged") == contents(here / "whole")


def move_to_another_shard(here: Path, name: str) -> str:
    """Move a picture to a folder that lands in another shard; returns its new id."""
    shard = next(s for s in (Shard(n, TOTAL) for n in range(1, TOTAL + 1)) if s.holds(name))
    new = next(f"moved{n}/{name}" for n in range(99) if not shard.holds(f"moved{n}/{name}"))
    (here / "a" / new).parent.mkdir(exist_ok=True)
    (here / "a" / name).rename(here / "a" / new)
    return new


def test_what_people_gave_a_picture_follows_it_into_another_shard_by_a_merge(
    here: Path, colours
) -> None:
    places = make_shards(here, colours)
    (here / "a" / "7 copy.png").write_bytes((here / "a" / "7.png").read_bytes())
    owner = Library.open(places)
    owner.set_fields(["3.png", "7.png"], {"stars": "5"})
    owner.set_fields(["5.png"], {"place": "Nice"})
    owner.correct(["3.png"], add=["green"])
    moved = {name: move_to_another_shard(here, name) for name in ("3.png", "5.png")}
    places = make_shards(here, colours)
    report = merge_indexes(places, here / "merged")
    assert report.num_carried == 2
    index = open_index(here / "merged")
    assert index.document(moved["3.png"]).fields["stars"] == 5
    assert index.document(moved["5.png"]).fields["place"] == "Nice"
    assert [name for name, one in index.corrections.documents.items() if one.added] == [
        moved["3.png"]
    ]
    assert index.document("7 copy.png").fields["stars"] is None  # 7.png is still there
    assert update(here, "merged", colours).num_unchanged == len(index)
    again = open_index(here / "merged")
    assert again.document(moved["3.png"]).fields["stars"] == 5
    assert merge_indexes([here / "merged", *places], here / "merged").num_carried == 0


def test_a_picture_that_has_fields_keeps_them_when_another_of_its_content_is_gone(
    here: Path, colours
) -> None:
    places = make_shards(here, colours)
    Library.open(places).set_fields(["3.png"], {"stars": "5"})
    new = move_to_another_shard(here, "3.png")
    places = make_shards(here, colours)
    Library.open(places).set_fields([new], {"stars": "1"})
    assert merge_indexes(places, here / "merged").num_carried == 0
    assert open_index(here / "merged").document(new).fields["stars"] == 1


def test_wrong_sets_of_shards_are_refused_by_name(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    update(here, "other", colours, shard=Shard(1, 4))
    update(here, "whole", colours)
    shutil.copytree(shards[0], here / "again")
    index_folders([here / "a"], here / "fewer", colours, shard=Shard(3, 3), decoding=HERE)
    low = type(colours)(colours.vocabulary, precision="bfloat16")
    update(here, "low", low, shard=Shard(3, 3))
    update(here, "rough", colours, shard=Shard(3, 3), weights="8bit")
    update(here, "words", colours, shard=Shard(3, 3), keywords_as_words=True)
    model = type(colours)(colours.vocabulary, "colours-2")
    update(here, "model", model, shard=Shard(3, 3))
    wrong = [
        (shards[:2], MissingError, r"Shard 3/3 is missing: only .*/1, .*/2 are there.*--shard 3/3"),
        ([*shards, here / "again"], InputError, r"/shards/1 and .*/again are both shard 1/3"),
        ([*shards[:2], here / "other"], InputError, r"/1 is shard 1/3, that at .*/other is shard"),
        ([*shards[:2], here / "fewer"], MismatchError, r"folders.*1/3 .*/a, .*/b; of shard 3/3.*"),
        ([*shards[:2], here / "low"], MismatchError, r"precision .*: float32; .*: bfloat16"),
        ([*shards[:2], here / "rough"], MismatchError, r"weights .*: exact; .*: 8bit"),
        ([*shards[:2], here / "words"], MismatchError, r"options .*: none; .*: keywords-as-words"),
        ([*shards[:2], here / "model"], MismatchError, r"colours-1.*/model with colours-2"),
    ]
    for places, kind, told in wrong:
        with pytest.raises(kind, match=told):
            merge_indexes(places, here / "merged")
        assert not (here / "merged").exists()
        with pytest.raises(kind, match=told):
            Library.open(places)
    with pytest.raises(InputError, match=r"/whole is no shard"):
        Library.open([*shards, here / "whole"])
    with pytest.raises(InputError, match="No index is named"):
        Library([])
    with pytest.raises(MissingError, match="no index at"):
        Library.open([*shards[:2], here / "nothing"])


def test_shards_that_are_missing_may_be_made_up_for(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    shutil.rmtree(shards[1])
    report = merge_indexes(shards[::2], here / "merged", allow_missing=True)
    assert report.num_documents < 17
    again = update(here, "merged", colours)
    assert (again.num_pictures, again.num_added) == (17, 17 - report.num_documents)


def test_a_single_shard_of_one_may_be_merged(here: Path, colours) -> None:
    update(here, "only", colours, shard=Shard(1, 1))
    update(here, "whole", colours)
    merge_indexes([here / "only"], here / "merged")
    assert contents(here / "merged") == contents(here / "whole")
    with pytest.raises(InputError, match="two different"):
        merge_indexes([here / "whole"], here / "more")


def test_a_damaged_shard_is_named_and_no_answer_is_smaller(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    library = Library.open(shards)
    assert len(library) == 17
    manifest = shards[2] / "manifest.json"
    manifest.write_text("{", encoding="utf-8")
    with pytest.raises(CorruptError, match=r"shards/3/manifest.json"):
        Library.open(shards)
    time.sleep(0.3)
    assert len(library) == 17  # goes on with the commit before
    shutil.rmtree(shards[2])
    with pytest.raises(MissingError, match=r"shards/3"):
        Library.open(shards)
    with pytest.raises(MissingError, match=r"Shard 3/3 is missing"):
        Library.open(here / "shards")


def test_a_folder_with_one_of_several_shards_gives_no_smaller_answer(
    here: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = shard_place(here / "a", Shard(1, 2))
    index_folders([here / "a"], alone, colours, shard=Shard(1, 2), decoding=HERE)
    for place in (here / "a", here / "a/.lexret-shards", [here / "a"]):
        with pytest.raises(MissingError, match="Of the 2 shards, only 1/2 is in"):
            Library.open(place)
    monkeypatch.chdir(here / "a")
    with pytest.raises(MissingError, match="only 1/2"):
        Library.open()
    assert 0 < len(Library.open(alone)) < 12
    with pytest.raises(MissingError, match="Shard 2/2 is missing"):
        merge_indexes([here / "a"], here / "merged")
    merge_indexes([here / "a"], here / "merged", allow_missing=True)
    assert index_folders([here / "a"], here / "merged", colours, decoding=HERE).num_pictures == 12


def test_folders_of_shards_are_found(here: Path, colours, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shard_place(Path("x"), Shard(2, 4)) == Path("x/.lexret-shards/2-of-4")
    for number in (1, 2):
        shard = Shard(number, 2)
        index_folders([here / "a"], shard_place(here / "a", shard), colours, shard=shard,
                      decoding=HERE)  # fmt: skip
    both = [here / "a/.lexret-shards" / name for name in ("1-of-2", "2-of-2")]
    assert indexes_within(here / "a") == indexes_within(here / "a/.lexret-shards") == both
    assert indexes_within(both[0]) == [both[0]]
    assert all_indexes([both[0], here / "a"]) == tuple(both)
    library = Library.open(here / "a")
    assert (len(library), library.paths) == (12, tuple(both))
    assert library.snapshot().file_of("1.png") == here / "a/1.png"
    (here / "a/below").mkdir()
    monkeypatch.chdir(here / "a/below")
    assert Library.open().paths == tuple(both)
    with pytest.raises(MissingError, match="There are shards in"):
        find_index(here / "a")
    index_folders([here / "a"], here / "a/.lexret", colours, decoding=HERE)
    assert indexes_within(here / "a") == [here / "a/.lexret"]


def test_what_changes_an_index_goes_to_the_right_shard_or_is_refused(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    library = Library.open(shards)
    ids = [EmbeddedIndex(place).doc_ids()[0] for place in shards]
    library.correct(ids, add=["blue"], remove=["green"])
    assert library.set_fields([*ids[:2], str(here / "a" / ids[0])], {"stars": "4"}) == 2
    assert library.mute("red") == {"red"}
    for number, place in enumerate(shards):
        index = open_index(place)
        assert set(index.corrections.documents) == {ids[number]}
        assert index.corrections.muted == {"red"}
        assert ("stars" in index.columns) == (number < 2)
    joined = library.snapshot().index
    assert set(joined.corrections.documents) == set(ids)
    assert [joined.document(one).fields["stars"] for one in ids] == [4, 4, None]
    with pytest.raises(MissingError, match=r"nothing\.png"):
        library.correct([ids[0], "nothing.png"], add=["red"])
    with pytest.raises(MissingError, match=r"nothing\.png"):
        library.set_fields([ids[2], "nothing.png"], {"stars": "1"})
    assert library.snapshot().index.document(ids[2]).fields["stars"] is None
    assert library.mute("red", undo=True) == frozenset()
    assert not any(open_index(place).corrections.muted for place in shards)
    with pytest.raises(InputError, match="'red' is not muted"):
        library.mute("red", undo=True)
    library.correct(ids[0], undo=True)
    assert set(library.snapshot().index.corrections.documents) == set(ids[1:])
    for refused in (library.update, library.check, library.repair, lambda: library.labels):
        with pytest.raises(InputError, match=r"takes one index, but .* 3 shards.*lexret merge"):
            refused()


def test_a_word_that_one_shard_mutes_counts_in_none(here: Path, colours) -> None:
    """As a mute that was cut off leaves it, and as a merge would have it."""
    shards = make_shards(here, colours)
    change_corrections(shards[1], lambda now: now.with_muted(frozenset({"red"})))
    library = Library.open(shards)
    red = SparseBatch.from_words([{"red": 1.0}], library.snapshot().index.vocabulary)
    assert library.snapshot().index.search(red) == [[]]
    library.mute("red", undo=True)
    assert library.snapshot().index.corrections.muted == frozenset()


def test_commits_of_any_shard_are_seen(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    library = Library.open(shards)
    first = library.snapshot()
    for number in range(100, 120):
        paint(here / f"a/{number}.png", (1, 2, 3))
    update(here, "shards/3", colours)
    until(lambda: len(library) != 17)
    now = library.snapshot()
    assert now.index.manifest.generation == first.index.manifest.generation + 1
    assert len(first.index) == 17
    # Those that have not changed stay open, with what was read of them.
    assert now.index.parts[:2] == first.index.parts[:2]
    change_corrections(shards[0], lambda old: old.with_muted(frozenset({"red"})))
    until(lambda: bool(library.snapshot().index.corrections))


def test_a_shard_that_becomes_another_is_not_mixed_in(here: Path, colours, caplog) -> None:
    shards = make_shards(here, colours)
    library = Library.open(shards)
    update(here, "shards/3", colours, rebuild=True, shard=Shard(1, 2))
    time.sleep(0.3)
    assert len(library) == 17
    assert "is shard" in caplog.text


def test_pictures_of_one_content_in_several_shards_are_one_hit(here: Path, colours) -> None:
    shards = make_shards(here, colours)
    merge_indexes(shards, here / "merged")
    groups = [
        [[one.doc_id for one in group.pictures] for group in Library(place).duplicates()]
        for place in (shards, here / "merged")
    ]
    assert groups[0] == groups[1]
    assert len(groups[0][0]) == 5
    assert len({EmbeddedIndex(place).path for place in shards
                if set(groups[0][0]) & set(EmbeddedIndex(place).doc_ids())}) > 1  # fmt: skip


def test_writers_of_vectors_may_make_shards_without_folders(tmp_path: Path, words, batch) -> None:
    """As what encodes a million pictures elsewhere does."""
    names = [f"{number}.jpg" for number in range(9)]
    for number in (1, 2):
        shard = Shard(number, 2)
        held = [name for name in names if shard.holds(name)]
        with EmbeddedIndexWriter.create(
            tmp_path / str(number), words, model_id="m", options=[shard.option]
        ) as writer:
            writer.add(held, batch(*({"dog": 1.0} for _ in held)))
            writer.commit()
    library = Library.open([tmp_path / "2", tmp_path / "1"])
    assert library.snapshot().index.doc_ids() == names
    assert library.path == tmp_path / "2"
    assert merge_indexes([tmp_path / "1", tmp_path / "2"], tmp_path / "all").num_documents == 9
