"""No network unless it is asked for: the suite without any, and commands without a route."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import network
import pytest

ROOT = Path(__file__).parents[1]
ELSEWHERE = "192.0.2.1"  # of no machine (RFC 5737)


@pytest.fixture
def forgiven() -> Iterator[None]:
    """What a test tries on purpose does not count."""
    yield
    network.attempts.clear()


@pytest.mark.parametrize("host", [ELSEWHERE, "2001:db8::1"])
def test_a_connection_elsewhere_fails_and_is_noted(forgiven: None, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as connection, pytest.raises(network.NoNetworkError):
        connection.connect((host, 80))
    assert len(network.attempts) == 1


def test_a_name_elsewhere_is_not_looked_up(forgiven: None) -> None:
    with pytest.raises(network.NoNetworkError):
        socket.create_connection(("example.org", 80))
    assert len(network.attempts) == 1


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    assert network.is_here("localhost") and network.is_here("::1")
    assert not network.is_here("localhost.example.org")


def test_a_program_that_a_test_starts_reaches_no_other_machine() -> None:
    program = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=20)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode != 0
    assert "Connection refused" in done.stderr


def without_a_route() -> list[str] | None:
    """The command that runs others in a namespace without a route; ``None`` where it cannot."""
    if shutil.which("unshare") is None:
        return None
    command = ["unshare", "--map-root-user", "--net"]
    works = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if works else None


@pytest.mark.slow
def test_commands_work_in_a_namespace_without_a_route(
    picture_folder: Path, static_model_folder: Path
) -> None:
    alone = without_a_route()
    if alone is None:
        pytest.skip("needs unshare and leave to make a namespace: unshare -rn true")
    environment = {
        name: value for name, value in os.environ.items() if "proxy" not in name.lower()
    } | {"PYTHONPATH": str(ROOT)}  # fmt: skip
    commands: list[list[str]] = [
        ["index", str(picture_folder), "--model", str(static_model_folder)],
        ["search", "dog", "--index", str(picture_folder), "--explain"],
        ["explain", "red.png", "-o", str(picture_folder / "out")],
    ]
    for arguments in commands:
        done = subprocess.run(
            [*alone, sys.executable, "-m", "lexret", *arguments],
            env=environment,
            cwd=picture_folder,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode in (0, 1), (arguments, done.stderr)
        assert "Traceback" not in done.stderr
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'lexret[serve]'")
    server = subprocess.Popen(
        [*alone, sys.executable, "-m", "lexret", "serve", "--index", str(picture_folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        end = time.monotonic() + 600
        said = ""
        while "http://127.0.0.1" not in said:
            line = server.stdout.readline()
            assert line and time.monotonic() < end, said
            said += line
    finally:
        server.terminate()
        server.communicate(timeout=30)
