"""Folders are replaced whole or not at all, and what crashes leave is recovered or removed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lexret.files import folders
from lexret.files.folders import (
    exchange,
    is_leftover,
    owner_of,
    remove_leftovers,
    standing_folder,
    whole_folder,
)

ROOT = str(Path(__file__).parents[2])
CUT_OFF = """
import os, shutil, signal, sys
from pathlib import Path
from lexret.files import folders

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

def two_steps(*arguments):
    return False

place = Path(sys.argv[1])
{fault}
with folders.whole_folder(place) as fresh:
    (fresh / "name").write_text("new")
    {inside}
"""
KILLS = {
    "while it is filled": ("", "die()", "old"),
    "before the exchange": ("folders.exchange = die", "", "old"),
    "after the exchange": ("shutil.rmtree = die", "", "new"),
    "between two steps": (
        "folders.exchange = two_steps\nrename = os.rename\n"
        "os.rename = lambda a, b: rename(a, b) if Path(b) != place else die()",
        "",
        "old",
    ),
    "after two steps": ("folders.exchange = two_steps\nshutil.rmtree = die", "", "new"),
}


def write(place: Path, content: str) -> None:
    with whole_folder(place) as fresh:
        (fresh / "name").write_text(content)


def content(place: Path) -> str:
    return (standing_folder(place) / "name").read_text()


def cut_off(place: Path, kill: str) -> None:
    fault, inside, _ = KILLS[kill]
    script = CUT_OFF.format(fault=fault, inside=inside)
    environment = {**os.environ, "PYTHONPATH": ROOT}
    done = subprocess.run(
        [sys.executable, "-c", script, str(place)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_folder_is_made_and_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "above" / "folder"
    write(place, "old")
    place.chmod(0o750)
    write(place, "new")
    assert content(place) == "new"
    assert os.listdir(place.parent) == ["folder"]
    assert place.stat().st_mode & 0o777 == 0o750


def test_two_paths_change_places_in_one_operation(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(name)
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange")
    assert (tmp_path / "a" / "name").read_text() == "b"
    assert (tmp_path / "b" / "name").read_text() == "a"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "c")


@pytest.mark.parametrize("steps", [1, 2])
def test_a_replacement_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    place = tmp_path / "folder"
    write(place, "old")

    def refuse(one: Path, other: Path) -> bool:
        raise OSError("no")

    rename = os.rename

    def rename_or_fail(source: Path, target: Path) -> None:
        if source.name.endswith(folders.NEW):
            raise OSError("no")
        rename(source, target)

    with monkeypatch.context() as patch:
        if steps == 1:
            patch.setattr(folders, "exchange", refuse)
        else:
            patch.setattr(folders, "exchange", lambda one, other: False)
            patch.setattr(os, "rename", rename_or_fail)
        with pytest.raises(OSError, match="no"):
            write(place, "new")
    assert (content(place), os.listdir(tmp_path)) == ("old", ["folder"])
    with pytest.raises(ZeroDivisionError), whole_folder(place):
        raise ZeroDivisionError
    assert (content(place), os.listdir(tmp_path)) == ("old", ["folder"])


@pytest.mark.parametrize("kill", KILLS)
def test_after_a_kill_a_whole_folder_is_there_and_the_next_writer_tidies_up(
    tmp_path: Path, kill: str
) -> None:
    place = tmp_path / "folder"
    write(place, "old")
    for _ in range(2):  # the second kill finds what the first one left
        cut_off(place, kill)
        assert content(place) == KILLS[kill][2]
        assert all(is_leftover(path) for path in tmp_path.iterdir() if path != place)
    write(place, "newest")
    assert (content(place), os.listdir(tmp_path)) == ("newest", ["folder"])


def test_what_a_crash_moved_away_is_put_back_by_name(tmp_path: Path) -> None:
    place = tmp_path / "my.folder"
    write(place, "old")
    cut_off(place, "between two steps")
    assert not place.exists()
    (moved,) = (path for path in tmp_path.iterdir() if path.suffix == f".{folders.OLD}")
    assert owner_of(moved) == place
    remove_leftovers(place)
    assert (content(place), os.listdir(tmp_path)) == ("old", ["my.folder"])


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    place, beside = tmp_path / "folder", tmp_path / ".folder.0123abcd.lexret-new"
    beside.mkdir()
    handle = os.open(beside, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    write(place, "new")
    assert sorted(os.listdir(tmp_path)) == [beside.name, "folder"]
    os.close(handle)
    write(place, "newer")
    assert os.listdir(tmp_path) == ["folder"]


def test_folders_of_like_names_are_not_taken_for_leftovers(tmp_path: Path) -> None:
    others = {"folder.0123abcd.lexret-new", ".folder.more.lexret-new", ".fold.0123abcd.lexret-old"}
    for name in others:
        (tmp_path / name).mkdir()
    write(tmp_path / "folder", "new")
    assert set(os.listdir(tmp_path)) == {*others, "folder"}


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == "new"


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("mine")
    with pytest.raises(NotADirectoryError):
        write(tmp_path / "folder", "new")
    assert (tmp_path / "folder").read_text() == "mine"


def test_long_names_have_leftovers_too(tmp_path: Path) -> None:
    place = tmp_path / ("n" * 250)
    cut_off(place, "while it is filled")
    assert len(os.listdir(tmp_path)) == 1
    write(place, "new")
    assert os.listdir(tmp_path) == [place.name]


def test_the_old_folder_stays_until_it_is_sure_that_the_new_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "folder"
    write(place, "old")

    def fail(path: Path) -> None:
        if path == tmp_path:
            raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(folders, "sync_folder", fail)
        with pytest.raises(OSError, match="no"):
            write(place, "new")
        assert sorted(content(path) for path in tmp_path.iterdir()) == ["new", "old"]
        with pytest.raises(OSError, match="no"):
            remove_leftovers(place)
        assert sorted(content(path) for path in tmp_path.iterdir()) == ["new", "old"]
    remove_leftovers(place)
    assert (content(place), os.listdir(tmp_path)) == ("new", ["folder"])
