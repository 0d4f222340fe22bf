"""Files are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lexret.files.whole import replace_file, whole_file


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
