"""Locks between processes: whom they exclude, whom they name, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lexret.errors import LockedError
from lexret.files.locks import LOCK_FILE, WriterLock, locked

HOLD = "lock = WriterLock(folder)"
HOLD_IN_PARENT_OF_A_FORK = """
lock = WriterLock(folder)
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
lock.release()
"""


@contextmanager
def other_process(folder: Path, code: str) -> Iterator[subprocess.Popen[str]]:
    """Run code in another process until the block ends; it has run when the block begins."""
    start = "import os, sys, time\nfrom pathlib import Path\nfrom lexret.files.locks import *\n"
    wait = "\nprint('done', flush=True)\ntime.sleep(60)\n"
    script = f"{start}folder = Path(sys.argv[1])\n{code}{wait}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with other_process(tmp_path, HOLD) as process:
        for _ in range(2):  # a writer that is refused leaves the holder's name as it is
            with pytest.raises(LockedError, match=f"process {process.pid} on host"):
                WriterLock(tmp_path)


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    with other_process(tmp_path, HOLD) as process:
        process.kill()
        process.wait()
        lock = WriterLock(tmp_path)
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()
        lock.release()


def test_a_child_of_a_writer_does_not_keep_its_lock(tmp_path: Path) -> None:
    with other_process(tmp_path, HOLD_IN_PARENT_OF_A_FORK):
        WriterLock(tmp_path).release()


def test_a_lock_is_released_once_and_by_any_thread(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path)
    assert lock.held
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    assert not lock.held
    other = WriterLock(tmp_path)
    lock.release()
    assert other.held
    with pytest.raises(LockedError):
        WriterLock(tmp_path)
    other.release()


def test_waiting_for_a_lock_ends_when_its_holder_is_killed(tmp_path: Path) -> None:
    code = "held = locked(folder / 'a.lock')\nheld.__enter__()"
    taken = threading.Event()

    def take() -> None:
        with locked(tmp_path / "a.lock"):
            taken.set()

    with other_process(tmp_path, code) as process:
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.wait(0.1)
        process.kill()
        assert taken.wait(10)
        waiting.join()


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none" / "a.lock"):
        pass
    with pytest.raises(FileNotFoundError):
        WriterLock(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_writer_that_writes_nothing_leaves_nothing(tmp_path: Path) -> None:
    WriterLock(tmp_path / "a" / "b", make=True).release()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "own").mkdir()
    WriterLock(tmp_path / "own", make=True).release()
    assert list((tmp_path / "own").iterdir()) == []


def test_a_writer_that_writes_something_leaves_it_and_the_lock(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "a", make=True)
    (tmp_path / "a" / "written").touch()
    lock.release()
    assert {path.name for path in (tmp_path / "a").iterdir()} == {LOCK_FILE, "written"}
    (tmp_path / "a" / "written").unlink()
    WriterLock(tmp_path / "a", make=True).release()  # the file was there before
    assert [path.name for path in (tmp_path / "a").iterdir()] == [LOCK_FILE]


def test_a_writer_that_is_refused_takes_nothing_of_the_other_away(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "a", make=True)
    with pytest.raises(LockedError):
        WriterLock(tmp_path / "a", make=True)
    assert (tmp_path / "a" / LOCK_FILE).exists()
    lock.release()
    assert not (tmp_path / "a").exists()
