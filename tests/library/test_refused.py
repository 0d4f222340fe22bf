"""Files that cannot be read: named, skipped, remembered, and read again once they have changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lexret.engine import open_index
from lexret.errors import InputError
from lexret.library.folders import default_index
from lexret.library.updating import picture_batch, refused, update_run
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.reader import Decoding
from lexret.pictures.processes import DIED
from tests.pictures import hostile


def update(root: Path, encoder, **options) -> IndexReport:
    return index_folders([root], default_index(root), encoder, **options)


def settle(path: Path) -> Path:
    """Make a file look as if it had been written long ago."""
    os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))
    return path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hostile.install(tmp_path / "package")
    monkeypatch.syspath_prepend(tmp_path / "package")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 16), (200, number, 10)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def read_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that runs have read, in order."""
    paths: list[str] = []
    original = update_run.read_files

    def note(base, to_read, **options):
        paths.extend(to_read)
        return original(base, to_read, **options)

    monkeypatch.setattr(update_run, "read_files", note)
    return paths


def test_a_file_that_a_decoder_dies_of_is_skipped_and_not_tried_again(
    root: Path, colours, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"
    path = settle(hostile.write(root / "1b.jxl", f"count {tried}"))
    report = update(root, colours)
    assert (report.num_pictures, report.reasons()) == (3, [(DIED, 1)])
    (skipped,) = report.skipped
    assert skipped.path == "1b.jxl"
    assert "SIGABRT" in skipped.message
    assert tried.read_text() == "read read "  # once more in a fresh process
    again = update(root, colours)
    assert again.skipped == report.skipped
    assert tried.read_text() == "read read "
    settle(hostile.write(path, f"count {tried}-changed"))
    assert update(root, colours).reasons() == [(DIED, 1)]
    assert (tmp_path / "tried-changed").read_text() == "read read "


def test_a_file_that_died_is_known_to_the_next_run_whatever_becomes_of_this_one(
    root: Path, colours, read_paths: list[str]
) -> None:
    settle(hostile.write(root / "0.jxl", "signal 11"))

    def crash(done: int, total: int) -> None:
        raise RuntimeError("a power cut")

    with pytest.raises(RuntimeError):
        update(root, colours, progress=crash)
    read_paths.clear()
    assert update(root, colours).reasons() == [(DIED, 1)]
    assert read_paths == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
def test_a_broken_file_is_not_read_again_until_it_changes(
    root: Path, colours, read_paths: list[str], content: bytes
) -> None:
    path = root / "bad.png"
    path.write_bytes(content)
    settle(path)
    first = update(root, colours)
    assert "bad.png" in read_paths
    read_paths.clear()
    second = update(root, colours)
    assert second.skipped == first.skipped
    assert second.num_unchanged == 3
    assert read_paths == []
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    assert update(root, colours).num_added == 1
    assert read_paths == ["bad.png"]
    assert update(root, colours).skipped == ()


def test_a_file_that_was_just_written_is_read_again(
    root: Path, colours, read_paths: list[str]
) -> None:
    (root / "bad.png").write_bytes(b"half of a pict")
    update(root, colours)
    update(root, colours)
    assert read_paths.count("bad.png") == 2


def test_a_file_that_the_system_withholds_is_read_again(
    root: Path, colours, read_paths: list[str]
) -> None:
    path = root / "secret.png"
    original = Path.open

    def refuse(self: Path, *arguments, **options):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return original(self, *arguments, **options)

    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    settle(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert update(root, colours, decoding=Decoding(jobs=0)).reasons() == [("unreadable", 1)]
    assert update(root, colours).num_added == 1


def test_all_are_read_again_where_asked_and_with_another_limit(
    root: Path, colours, read_paths: list[str]
) -> None:
    Image.new("RGB", (64, 64), (1, 2, 3)).save(root / "large.png")
    settle(root / "large.png")
    small = Decoding(max_pixels=1000)
    assert update(root, colours, decoding=small).reasons() == [("too many pixels", 1)]
    read_paths.clear()
    update(root, colours, decoding=small)
    assert read_paths == []
    update(root, colours, decoding=small, retry_refused=True)
    assert read_paths == ["large.png"]
    assert update(root, colours).num_added == 1


def test_a_further_package_has_all_read_again(
    root: Path, colours, read_paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "photo.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(100))
    settle(root / "photo.heic")
    update(root, colours)
    read_paths.clear()
    update(root, colours)
    assert read_paths == []
    version = refused._version
    monkeypatch.setattr(
        refused, "_version", lambda name: "9.9" if name == "pillow-heif" else version(name)
    )
    update(root, colours)
    assert read_paths == ["photo.heic"]


def test_what_the_model_rejects_is_not_read_again(
    root: Path, colours, read_paths: list[str]
) -> None:
    class Picky(type(colours)):
        def encode(self, items, *, batch_size: int = 32):
            raise InputError("A weight is NaN or infinite.")

    for path in root.iterdir():
        settle(path)
    encoder = Picky(colours.vocabulary)
    assert update(root, encoder).reasons() == [("rejected by the model", 3)]
    read_paths.clear()
    assert update(root, encoder, allow_empty=True).reasons() == [("rejected by the model", 3)]
    assert read_paths == []
    assert update(root, colours, rebuild=True).num_pictures == 3  # another model, anew


def test_the_list_forgets_what_is_gone_and_keeps_what_was_not_looked_through(
    root: Path, colours, tmp_path: Path, read_paths: list[str]
) -> None:
    other, index = tmp_path / "other", tmp_path / "index"
    other.mkdir()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(other / "a.png")
    for folder in (root, other):
        (folder / "bad.png").write_bytes(b"no picture")
        settle(folder / "bad.png")
    index_folders([root, other], index, colours)
    (root / "bad.png").unlink()
    read_paths.clear()
    index_folders([root], index, colours)
    files = json.loads((index / refused.REFUSED_FILE).read_text())["files"]
    assert [Path(name).name for name in files] == ["bad.png"]
    assert index_folders([], index, colours).reasons() == [("not a picture", 1)]
    assert read_paths == []


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b'{"format": "lexret-refused", "version": 1, "files": 3}']
)
def test_a_damaged_list_costs_nothing_but_reading_again(
    root: Path, colours, read_paths: list[str], damage: bytes
) -> None:
    (root / "bad.png").write_bytes(b"no picture")
    settle(root / "bad.png")
    update(root, colours)
    (default_index(root) / refused.REFUSED_FILE).write_bytes(damage)
    read_paths.clear()
    assert update(root, colours).reasons() == [("not a picture", 1)]
    assert read_paths == ["bad.png"]


def test_a_known_picture_that_becomes_unreadable_leaves_the_index_once(root: Path, colours) -> None:
    update(root, colours)
    (root / "1.png").write_bytes(b"spoilt")
    settle(root / "1.png")
    assert update(root, colours).num_removed == 1
    again = update(root, colours)
    assert (again.num_removed, again.num_pictures, len(again.skipped)) == (0, 2, 1)


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_the_number_of_processes_changes_nothing(root: Path, colours, jobs: int) -> None:
    for number in range(40):
        Image.new("RGB", (16, 16), (number, 5, 6)).save(root / f"more{number:02}.png")
    report = update(root, colours, decoding=Decoding(jobs=jobs))
    assert (report.num_pictures, report.num_encoded, report.skipped) == (43, 43, ())
    index = open_index(default_index(root))
    assert index.vector("more39.png").words(1)[0].word == "red"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux alone lists children")
def test_an_interrupted_run_ends_its_processes(
    root: Path, colours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    hostile.write(root / "z.jxl", f"sleep {begun}")

    def interrupt(done: int, total: int) -> None:
        while not begun.exists():
            time.sleep(0.01)
        assert any(str(tmp_path) in command for command in _commands())
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        update(root, colours, progress=interrupt)
    assert time.monotonic() - started < 50  # and not the 60 s that the file asks for
    assert not any(str(tmp_path) in command for command in _commands())


def _commands() -> list[str]:
    """The command lines of this process's children that still run."""
    found = []
    for children in Path("/proc/self/task").glob("*/children"):
        for process in children.read_text().split():
            found.append(Path(f"/proc/{process}/cmdline").read_text())
    return found


def test_long_pictures_do_not_wait_for_the_encoder_in_large_batches(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_batch, "BATCH_BYTES", 3 * 4 * 16 * 16)
    sizes: list[int] = []
    encode: Callable = colours.encode

    def note(items, *, batch_size: int = 32):
        sizes.append(len(items))
        return encode(items, batch_size=batch_size)

    monkeypatch.setattr(colours, "encode", note)
    for number in range(5):
        Image.new("RGB", (16, 16), (number, 5, 6)).save(root / f"more{number}.png")
    assert update(root, colours).num_pictures == 8
    assert sizes == [3, 3, 2]
