"""The layer of faults finds what is written carelessly."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lexret.files.folders import whole_folder
from lexret.files.whole import replace_file, sync_file, sync_folder
from tests.faults import AT_THE_END, Crash, distinct, injected, recorded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/fd")

OLD, NEW = "old " * 50, "new " * 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "root"
    (root / "folder").mkdir(parents=True)
    (root / "file").write_text(OLD)
    for name in ("one", "two"):
        (root / "folder" / name).write_text(OLD)
    return root


def in_place(root: Path) -> None:
    (root / "file").write_text(NEW)


def replaced_without_sync(root: Path) -> None:
    (root / "file.new").write_text(NEW)
    os.replace(root / "file.new", root / "file")


def synced_without_its_folder(root: Path) -> None:
    replaced_without_sync(root)
    sync_file(root / "file")


def replaced(root: Path) -> None:
    replace_file(root / "file", NEW.encode())


def folder_removed_first(root: Path) -> None:
    (root / "fresh").mkdir()
    for name in ("one", "two"):
        (root / "fresh" / name).write_text(NEW)
        sync_file(root / "fresh" / name)
    sync_folder(root / "fresh")
    shutil.rmtree(root / "folder")
    os.rename(root / "fresh", root / "folder")
    sync_folder(root)


def folder_without_sync(root: Path) -> None:
    (root / "fresh").mkdir()
    for name in ("one", "two"):
        (root / "fresh" / name).write_text(NEW)
    os.rename(root / "folder", root / "old")
    os.rename(root / "fresh", root / "folder")
    sync_folder(root)


def folder_replaced(root: Path) -> None:
    with whole_folder(root / "folder") as fresh:
        for name in ("one", "two"):
            (fresh / name).write_text(NEW)


def crashes_of(writer: Callable[[Path], None], root: Path) -> list[Crash]:
    with recorded(root) as recorder:
        writer(root)
    return recorder.crashes


def bad_kinds(writer: Callable[[Path], None], root: Path, what: str) -> set[str]:
    """The kinds of crashes after which there is neither the old nor the new."""
    names = ["file"] if what == "file" else ["folder/one", "folder/two"]
    bad = set()
    for crash in distinct(crashes_of(writer, root)):
        crash.restore(root)
        found = [(root / name).read_text() if (root / name).exists() else None for name in names]
        if found not in ([OLD] * len(names), [NEW] * len(names)):
            bad.add(crash.kind.partition(",")[0])
    return bad


@pytest.mark.parametrize(
    ("writer", "what", "least"),
    [
        (in_place, "file", {"kill", "data lost"}),
        (replaced_without_sync, "file", {"data lost"}),
        (replaced, "file", set()),
        (folder_removed_first, "folder", {"kill"}),
        (folder_without_sync, "folder", {"kill", "data lost"}),
        (folder_replaced, "folder", set()),
    ],
)
def test_states_that_crashes_leave_are_found(
    root: Path, writer: Callable[[Path], None], what: str, least: set[str]
) -> None:
    bad = bad_kinds(writer, root, what)
    assert least <= bad
    assert bool(bad) == bool(least)


@pytest.mark.parametrize(
    ("writer", "stays"),
    [(replaced_without_sync, False), (synced_without_its_folder, False), (replaced, True)],
)
def test_whether_what_was_done_stays_is_known(
    root: Path, writer: Callable[[Path], None], stays: bool
) -> None:
    end = crashes_of(writer, root)[-1]
    assert end.kind == AT_THE_END
    end.restore(root)
    assert ((root / "file").read_text() == NEW) == stays


def test_links_rights_and_times_are_restored(root: Path) -> None:
    os.link(root / "file", root / "link")
    (root / "file").chmod(0o640)
    os.utime(root / "file", ns=(10**18, 10**18))
    start = crashes_of(in_place, root)[0]
    start.restore(root)
    state = (root / "link").stat()
    assert (state.st_ino, state.st_nlink) == ((root / "file").stat().st_ino, 2)
    assert (state.st_mode & 0o777, state.st_mtime_ns) == (0o640, 10**18)


def test_a_full_disk_stays_full_and_an_error_comes_once(root: Path) -> None:
    with injected(root, "full disk", 1) as injector:
        with pytest.raises(OSError, match="No space left") as raised:
            replaced(root)
        assert raised.value.errno == errno.ENOSPC
        with pytest.raises(OSError, match="No space left"):
            (root / "more").write_text("more")
    assert injector.fired == "write"
    assert (root / "file").read_text() == OLD
    with injected(root, "device error", 0):
        with pytest.raises(OSError, match="Input/output error"):
            replaced(root)
        replaced(root)
    assert (root / "file").read_text() == NEW


def test_a_torn_write_leaves_half(root: Path) -> None:
    with injected(root, "torn write", 0), pytest.raises(OSError, match="No space left"):
        in_place(root)
    assert (root / "file").read_text() == NEW[: len(NEW) // 2]


def test_files_elsewhere_are_not_touched(root: Path, tmp_path: Path) -> None:
    with injected(root, "full disk", 0) as injector:
        (tmp_path / "elsewhere").write_text("text")
    assert injector.done == 0
