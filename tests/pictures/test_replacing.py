"""Files of other people get another content, and nothing but that."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lexret.errors import StorageError
from lexret.pictures.metadata import replacing
from lexret.pictures.metadata.replacing import (
    create_file,
    mend_interrupted,
    remove_file,
    replace_content,
)

NEW_YEAR = 1_262_300_400_123_456_789


def old_file(folder: Path) -> Path:
    path = folder / "a.jpg"
    path.write_bytes(b"before")
    path.chmod(0o640)
    os.utime(path, ns=(NEW_YEAR, NEW_YEAR))
    return path


@pytest.mark.parametrize("has_two_names", [False, True])
def test_times_rights_and_names_stay(has_two_names: bool, tmp_path: Path) -> None:
    path = old_file(tmp_path)
    if has_two_names:
        os.link(path, tmp_path / "b.jpg")
    replace_content(path, b"and after", expected=b"before")
    assert path.read_bytes() == b"and after"
    state = path.stat()
    assert state.st_mtime_ns == NEW_YEAR and stat.S_IMODE(state.st_mode) == 0o640
    if has_two_names:
        assert (tmp_path / "b.jpg").read_bytes() == b"and after" and state.st_nlink == 2
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "b.jpg"][: 1 + has_two_names]


def test_a_change_that_keeps_the_size_is_seen_by_the_time(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    replace_content(path, b"after!", expected=b"before")
    assert path.stat().st_mtime_ns == NEW_YEAR + 1000


def test_attributes_that_people_gave_a_file_stay(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    try:
        os.setxattr(path, "user.xdg.tags", b"grandma")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    replace_content(path, b"and after", expected=b"before")
    assert os.getxattr(path, "user.xdg.tags") == b"grandma"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    os.chown(path, 12345, 54321)
    replace_content(path, b"and after", expected=b"before")
    state = path.stat()
    assert (state.st_uid, state.st_gid) == (12345, 54321)
    assert stat.S_IMODE(state.st_mode) == 0o640


def test_a_file_whose_owner_cannot_be_kept_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path)
    number = path.stat().st_ino
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    replace_content(path, b"and after", expected=b"before")
    assert path.read_bytes() == b"and after" and path.stat().st_ino == number
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_read_only_and_changed_files_are_left_alone(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    for write in (
        lambda: replace_content(path, b"after", expected=b"before"),
        lambda: remove_file(path, expected=b"before"),
    ):
        path.chmod(0o440)
        with pytest.raises(StorageError, match=r"a\.jpg may not be written: it is read-only"):
            write()
        path.chmod(0o640)
        path.write_bytes(b"new")
        with pytest.raises(StorageError, match="changed meanwhile"):
            write()
        path.write_bytes(b"before")
    with pytest.raises(StorageError, match="made meanwhile"):
        create_file(path, b"after")
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["a.jpg"]


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["_write", "os.replace"])
def test_a_failure_leaves_the_file_and_nothing_beside_it(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path)
    monkeypatch.setattr(replacing.os if "." in step else replacing, step.removeprefix("os."), fail)
    with pytest.raises(StorageError, match="No space left"):
        replace_content(path, b"after", expected=b"before")
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["a.jpg"]
    assert path.stat().st_mtime_ns == NEW_YEAR


def test_a_failure_in_place_puts_the_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path)
    os.link(path, tmp_path / "b.jpg")
    overwrite, calls = replacing._overwrite, []

    def full(path: Path, content: bytes) -> None:
        calls.append(content)
        if len(calls) == 1:
            overwrite(path, content[:2])
            fail()
        overwrite(path, content)

    monkeypatch.setattr(replacing, "_overwrite", full)
    with pytest.raises(StorageError, match="No space left"):
        replace_content(path, b"and after", expected=b"before")
    assert path.read_bytes() == b"before" and sorted(os.listdir(tmp_path)) == ["a.jpg", "b.jpg"]


def test_a_crash_in_place_leaves_a_copy_that_is_named_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path)
    os.link(path, tmp_path / "b.jpg")

    def crash(*_: object) -> None:
        path.write_bytes(b"an")
        raise KeyboardInterrupt

    monkeypatch.setattr(replacing, "_overwrite", crash)
    with pytest.raises(KeyboardInterrupt):
        replace_content(path, b"and after", expected=b"before")
    kept = replacing.interrupted_copy(path)
    assert kept.read_bytes() == b"before" and stat.S_IMODE(kept.stat().st_mode) == 0o600
    monkeypatch.undo()
    with pytest.raises(StorageError, match="interrupted once"):
        replace_content(path, b"after", expected=b"an")
    assert kept.read_bytes() == b"before"
    path.write_bytes(b"somebody's own")
    assert not mend_interrupted(path)
    assert (path.read_bytes(), kept.read_bytes()) == (b"somebody's own", b"before")


@pytest.mark.parametrize("torn", [b"and re", b"and afte", b"before\0\0\0", b"andore", b"and after"])
def test_what_a_crash_in_place_left_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bytes
) -> None:
    path = old_file(tmp_path)
    os.link(path, tmp_path / "b.jpg")

    def crash(*_: object) -> None:
        path.write_bytes(torn)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replacing, "_overwrite", crash)
        with pytest.raises(KeyboardInterrupt):
            replace_content(path, b"and after", expected=b"before")
    assert mend_interrupted(path)
    assert path.read_bytes() == b"before" and path.stat().st_mtime_ns == NEW_YEAR
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "b.jpg"]
    assert not mend_interrupted(path)


def test_a_link_of_the_temporary_name_leads_nowhere(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / ".a.jpg.lexret-new").symlink_to("other")
    replace_content(path, b"and after", expected=b"before")
    assert (tmp_path / "other").read_bytes() == b"other" and not path.is_symlink()
