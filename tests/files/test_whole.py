"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lexret.files.whole import replace_file, swap_folder, whole_file


def test_a_file_is_replaced_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"old")
    replace_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, hidden: bool) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OSError, match="full"), whole_file(tmp_path / "a", hidden=hidden) as fresh:
        assert fresh.name.startswith(".") == hidden
        fresh.write_bytes(b"ne")
        raise OSError("the disk is full")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_swap_of_folders_that_fails_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fresh, old = (tmp_path / name for name in ("folder", "fresh", "old"))
    for place in (folder, fresh):
        place.mkdir()
        (place / "name").write_text(place.name)
    real = os.replace

    def fails_for_the_fresh_one(source: Path, target: Path) -> None:
        if source == fresh:
            raise OSError("no")
        real(source, target)

    monkeypatch.setattr(os, "replace", fails_for_the_fresh_one)
    with pytest.raises(OSError, match="no"):
        swap_folder(fresh, folder, old=old)
    assert (folder / "name").read_text() == "folder"
    monkeypatch.undo()
    swap_folder(fresh, folder, old=old)
    assert (folder / "name").read_text() == "fresh"
    assert sorted(os.listdir(tmp_path)) == ["folder"]
