"""What `lexret serve` listens with, and how it ends."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from lexret.serve.server import listen
from lexret.serve.settings import ServeSettings

# A server one of whose requests never ends: with the interpreter held, or in a thread of its own.
BUSY_SERVER = """
import re, sys, time
from pathlib import Path
from lexret.library.library import Library
from lexret.serve.server import listen, serve
from lexret.serve.settings import ServeSettings

def busy(*_, **__):
    print("busy", flush=True)
    if sys.argv[2] == "holding":
        re.fullmatch("(a+)+", "a" * 60 + "b")
    time.sleep(600)

Library.find = busy
settings = ServeSettings(port=0)
listener = listen(settings)
print(listener.getsockname()[1], flush=True)
serve(Library.open(Path(sys.argv[1])), settings, listener)
"""


def test_small_answers_are_sent_at_once() -> None:
    with listen(ServeSettings(port=0)) as one, socket.create_connection(one.getsockname()):
        connection, _ = one.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@contextmanager
def server(index: Path, how: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'lexret[serve]'")
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY_SERVER, str(index), how],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        until_it_answers(port)
        yield process, port
    finally:
        process.kill()
        process.communicate()


def until_it_answers(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/static/icon.svg")
            assert connection.getresponse().status == 200
            return
        except OSError:
            assert time.monotonic() < end, "it does not begin to answer"
            time.sleep(0.1)
        finally:
            connection.close()


@contextmanager
def busy_server(index: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """A server that is at work on a request that never ends."""
    with server(index, how) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/api/search?q=dog%3F")
            assert process.stdout is not None
            assert process.stdout.readline() == "busy\n"
            yield process
        finally:
            connection.close()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, index_of: Callable[[Path], Path]) -> Path:
    folder = tmp_path_factory.mktemp("red")
    Image.new("RGB", (50, 50), (200, 30, 30)).save(folder / "red.png")
    return index_of(folder)


@pytest.mark.parametrize("how", ["holding", "waiting"])
def test_sigterm_ends_it_whatever_it_does(index: Path, how: str) -> None:
    with busy_server(index, how) as process:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        assert time.monotonic() - started < 2


def test_an_interrupt_ends_it_though_a_thread_goes_on(index: Path) -> None:
    with busy_server(index, "waiting") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (130, -signal.SIGINT)


def peak_memory(process: subprocess.Popen[str]) -> int:
    """The greatest memory that a process had, in bytes."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("the system does not tell")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
def test_a_hundred_uploads_of_19_mb_take_little_memory(index: Path) -> None:
    length = 19_000_000
    head = f"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
    lines: list[socket.socket] = []
    with server(index, "free") as (process, port):
        before = peak_memory(process)
        for _ in range(100):
            lines.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            lines[-1].sendall(head.encode())
            lines[-1].settimeout(2)
            with suppress(OSError):  # not read, and its buffers are full; or hung up
                lines[-1].sendall(b"x" * (length - 1))
        assert peak_memory(process) - before < 150_000_000
        for line in lines:
            line.close()
