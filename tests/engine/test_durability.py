"""What stays readable when writing is cut off, files are damaged, or two want to write."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sealing import change_sealed

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.segments.manifest import Manifest
from lexret.engine.store import sections
from lexret.errors import CorruptError, InputError, LockedError, MissingError, StorageError
from lexret.files import whole
from lexret.files.sealed import copy_of
from lexret.vocabulary import Vocabulary

SETUP = """
    import os, signal, sys
    from lexret.engine import EmbeddedIndexWriter
    from lexret.engine.commits import Commits
    from lexret.engine.segments import manifest
    from lexret.engine.segments import segment_writer
    from lexret.engine.store import sections
    from lexret.sparse import SparseBatch
    from lexret.vocabulary import Vocabulary
    writer = EmbeddedIndexWriter.open(sys.argv[1])
    words = Vocabulary(["beach", "boat", "cat", "dog", "lake", "red", "sky", "traffic light"])
    writer.add(["new"], SparseBatch.from_words([{"dog": 2.0}], words))
    writer.delete(["old"])
    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)
"""

DEATHS = {
    "before anything is written": "sections.os.fsync = die",
    "while the segment is written": "sections.SectionWriter.finish = die",
    "before the manifest is swapped": "sections.os.replace = die",
    "after the manifest is swapped": "Commits.clean = die",
}


def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(SETUP) + textwrap.dedent(script)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def ids_and_scores(path: Path, batch) -> list[tuple[str, float]]:
    (hits,) = open_index(path).search(batch({"dog": 1.0}))
    return [(hit.doc_id, hit.score) for hit in hits]


@pytest.mark.parametrize("moment", DEATHS)
def test_a_writer_killed_at_any_moment_leaves_a_whole_commit(
    batch, make_index, tmp_path: Path, moment: str
) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    done = run_script(f"{DEATHS[moment]}\nwriter.commit()", str(tmp_path))
    assert done.returncode == -signal.SIGKILL, done.stderr
    expected = [("new", 2.0)] if moment.startswith("after") else [("old", 1.0)]
    assert ids_and_scores(tmp_path, batch) == expected

    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.add(["newer"], batch({"dog": 3.0}))
        writer.commit()
    assert ids_and_scores(tmp_path, batch) == [("newer", 3.0), *expected]
    named = {entry.name for entry in Manifest.load(tmp_path).segments}
    assert {one.name for one in (tmp_path / "segments").iterdir()} == named
    open_index(tmp_path).verify()


def test_a_full_disk_leaves_the_last_commit(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    done = run_script(
        """
        import resource
        from lexret.errors import StorageError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # a write past 100 bytes fails
        try:
            writer.commit()
        except StorageError as error:
            print(error)
            writer.close()
        """,
        str(tmp_path),
    )
    assert "What was committed before is still there" in done.stdout, done.stderr
    assert ids_and_scores(tmp_path, batch) == [("old", 1.0)]
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_writer_goes_on_after_a_failed_commit(
    batch, make_index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.add(["new"], batch({"dog": 2.0}))
        with monkeypatch.context() as patch:
            patch.setattr(sections.os, name, fail)
            with pytest.raises(StorageError, match="No space left on device"):
                writer.commit()
        assert ids_and_scores(tmp_path, batch) == [("old", 1.0)]
        writer.add(["new"], batch({"dog": 2.0}))
        writer.commit()
    assert ids_and_scores(tmp_path, batch) == [("new", 2.0), ("old", 1.0)]


def test_a_commit_that_fails_after_the_swap_counts(
    batch, make_index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    sync_folder = whole.sync_folder

    def fail_for_the_index(path: Path) -> None:
        if path == tmp_path:
            raise OSError(errno.EIO, "Input/output error")
        sync_folder(path)

    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.add(["new"], batch({"dog": 2.0}))
        with monkeypatch.context() as patch:
            patch.setattr(whole, "sync_folder", fail_for_the_index)
            with pytest.raises(StorageError):
                writer.commit()
        writer.delete(["old"])
        writer.commit()
    assert ids_and_scores(tmp_path, batch) == [("new", 2.0)]


def test_a_writer_renews_the_copy_of_a_manifest_that_was_cut_off(
    batch, make_index, tmp_path: Path
) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    manifest = tmp_path / "manifest.json"
    for spoil in (lambda: copy_of(manifest).unlink(), lambda: copy_of(manifest).write_bytes(b"{")):
        spoil()
        EmbeddedIndexWriter.open(tmp_path).close()
        assert copy_of(manifest).read_bytes() == manifest.read_bytes()


def test_a_second_writer_is_told_who_holds_the_lock(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    with EmbeddedIndexWriter.open(tmp_path):
        with pytest.raises(LockedError, match=f"process {os.getpid()} on host"):
            EmbeddedIndexWriter.open(tmp_path)
        with pytest.raises(LockedError):
            EmbeddedIndexWriter.create(
                tmp_path, open_index(tmp_path).vocabulary, model_id="x", replace_existing=True
            )
    with EmbeddedIndexWriter.open(tmp_path):
        pass


def test_what_is_not_committed_is_dropped(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.add(["new"], batch({"dog": 2.0}))
        writer.delete(["old", "new"])
    assert ids_and_scores(tmp_path, batch) == [("old", 1.0)]


def test_deleting_an_unknown_document_deletes_nothing(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    with EmbeddedIndexWriter.open(tmp_path) as writer:
        with pytest.raises(MissingError, match="'gone'"):
            writer.delete(["old", "gone"])
        writer.commit()
    assert ids_and_scores(tmp_path, batch) == [("old", 1.0)]


def test_a_commit_without_changes_writes_nothing(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.commit()
    assert Manifest.load(tmp_path).generation == 1


def test_replacing_an_index_keeps_the_old_one_until_the_commit(
    words, batch, make_index, tmp_path: Path
) -> None:
    make_index(tmp_path, ["old"], batch({"dog": 1.0}))
    with pytest.raises(InputError, match="already"):
        EmbeddedIndexWriter.create(tmp_path, words, model_id="other")
    with EmbeddedIndexWriter.create(
        tmp_path, words, model_id="other", replace_existing=True
    ) as writer:
        writer.add(["new"], batch({"dog": 2.0}))
        assert ids_and_scores(tmp_path, batch) == [("old", 1.0)]
        writer.commit()
    assert ids_and_scores(tmp_path, batch) == [("new", 2.0)]
    assert open_index(tmp_path).model_id == "other"


@pytest.mark.parametrize(
    "file",
    ["lists.bin", "lows.bin", "sides.bin", "weights.bin", "documents.bin", "deleted-00000002.bits"],
)
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_file_is_named(batch, make_index, tmp_path: Path, file: str, damage: str) -> None:
    make_index(tmp_path, ["a", "b", "c"], batch({"dog": 1.0}, {"cat": 1.0}, {"red": 1.0}))
    with EmbeddedIndexWriter.open(tmp_path) as writer:
        writer.delete(["a"])
        writer.commit()
    (path,) = tmp_path.rglob(file)
    if damage == "missing":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size - 1)
    for opened in (open_index, EmbeddedIndexWriter.open):
        with pytest.raises(CorruptError, match=file):
            opened(tmp_path)


def test_a_changed_byte_is_found_by_verify(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    (path,) = tmp_path.rglob("weights.bin")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=r"weights\.bin is damaged: its array 'weights'"):
        open_index(tmp_path).verify()


def test_a_changed_vocabulary_is_found(batch, make_index, tmp_path: Path) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    (path,) = tmp_path.glob("vocabulary-*.txt")
    path.write_text("dog\ncat\n")
    with pytest.raises(CorruptError, match="expected 8"):
        _ = open_index(tmp_path).vocabulary
    path.unlink()
    with pytest.raises(CorruptError, match="is missing"):
        open_index(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 5}, "format version 5"),
        ({"format": "other"}, "not the manifest"),
        ({"segments": [{}]}, "damaged"),
        ({"segments": 3}, "damaged"),
        ({"generation": None, "roots": None}, "damaged"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_an_error(
    batch, make_index, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    path = tmp_path / "manifest.json"
    change_sealed(path, **change)
    with pytest.raises(CorruptError, match=message):
        open_index(tmp_path)


def test_a_manifest_cut_short_is_an_error_and_no_index_is_missing(
    batch, make_index, tmp_path: Path
) -> None:
    with pytest.raises(MissingError, match="lexret index DIR"):
        open_index(tmp_path)
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(CorruptError, match=r"manifest\.json is damaged"):
        open_index(tmp_path)


def test_everything_is_on_disk_before_the_manifest_names_it(
    batch, tmp_path: Path, words: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real_sync(handle)

    def replace(source: Path, target: Path) -> None:
        synced.append(f"replaced {Path(target).name}")
        real_replace(source, target)

    monkeypatch.setattr("os.fsync", sync)
    monkeypatch.setattr("os.replace", replace)
    place = tmp_path / "new" / "index"
    with EmbeddedIndexWriter.create(place, words, model_id="test-0123456789ab") as writer:
        writer.add(["a"], batch({"dog": 1.0}))
        writer.commit()
    before = set(synced[: synced.index("replaced manifest.json")])
    (segment,) = (place / "segments").iterdir()
    wanted = [*segment.iterdir(), segment, segment.parent, place, place.parent, tmp_path]
    assert {str(one.resolve()) for one in wanted} <= before
