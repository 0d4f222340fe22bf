"""Every backend there is: in this process, over the wire, and in Java."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import batch, make_index, random_batch, words
from tests.interop.backends.backend import (
    LUCENE_MISSING,
    MILVUS_MISSING,
    Backend,
    import_milvus,
)

__all__ = ["batch", "make_index", "random_batch", "words"]

SERVE = "from milvus_lite.cmdline import main; main()"
KINDS = (
    "embedded",
    pytest.param(
        "milvus-file",
        marks=pytest.mark.skipif(bool(MILVUS_MISSING), reason=f"lexret[scale]: {MILVUS_MISSING}"),
    ),
    pytest.param(
        "milvus-server",
        marks=pytest.mark.skipif(bool(MILVUS_MISSING), reason=f"lexret[scale]: {MILVUS_MISSING}"),
    ),
    pytest.param(
        "lucene",
        marks=pytest.mark.skipif(bool(LUCENE_MISSING), reason=f"lexret[lucene]: {LUCENE_MISSING}"),
    ),
)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of Milvus Lite, a process of its own."""
    import_milvus()
    folder, port = tmp_path_factory.mktemp("milvus"), free_port()
    log = (folder / "log").open("wb")
    command = [
        *(sys.executable, "-m", "milvus_lite", "server", "--host", "127.0.0.1"),
        *("--data-dir", str(folder / "data"), "--port", str(port)),
    ]
    server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(server, port, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 240  # a busy machine is slow
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"Milvus Lite does not serve: {log.read_text()}")


@pytest.fixture
def milvus_file(tmp_path: Path) -> Iterator[str]:
    """A file of Milvus Lite, which this process opens."""
    import_milvus()
    from lexret.interop.milvus.client import disconnect

    path = str(tmp_path / "vectors.db")
    yield path
    disconnect(path)


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn."""
    kind: str = request.param
    if kind == "milvus-server":
        return Backend("milvus", request.getfixturevalue("milvus_uri"), examples=6)
    if kind == "milvus-file":
        return Backend("milvus", request.getfixturevalue("milvus_file"), examples=6)
    return Backend(kind, examples=20 if kind == "embedded" else 4)
