"""Files are replaced whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def test_a_link_stays_and_rights_stay(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o600


def test_a_pipe_and_a_device_are_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        replace_file(tmp_path / "pipe", b"new")
        assert read.result() == b"new"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    replace_file(Path("/dev/null"), b"new")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_file_that_output_is_redirected_to_is_written_to(tmp_path: Path) -> None:
    code = "from pathlib import Path; from lexret.files.whole import replace_file; "
    code += "replace_file(Path('/dev/stdout'), b'new')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, env=environment, check=True)
    assert (tmp_path / "out").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]
