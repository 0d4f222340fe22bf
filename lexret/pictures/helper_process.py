"""Processes that work for this one: messages go to and fro, and it is told how one ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Pipe
from typing import Any, Final

# Run by a fresh interpreter, which has this one's paths but not its main module: a script that uses
# lexret is not run again. Ctrl-C is for the process that was started by hand.
_PROGRAM: Final = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
import json, sys
handle, sys.path[:], module, values = json.loads(sys.argv[1])
from importlib import import_module
import_module(module).main(handle, *values)
"""
_MAX_REMARK: Final = 300
_SECONDS_TO_END: Final = 10


class HelperProcess:
    """Process that works for this one, in a fresh interpreter.

    Args:
        module: its function ``main`` is called there, with the handle of the connection and
            ``values``.
        values: what JSON can hold.
        pass_fds: handles of open files that it inherits.
        environment: variables of its environment beside those of this process.

    Raises:
        OSError, ValueError: if the system lets no process be started.
    """

    def __init__(
        self,
        module: str,
        values: Sequence[Any],
        *,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        with ExitStack() as made:
            # What libraries write to the standard error goes here, not between lines of progress.
            self._remarks = made.enter_context(tempfile.TemporaryFile())
            self._connection, theirs = map(made.enter_context, Pipe())
            text = json.dumps([theirs.fileno(), sys.path, module, list(values)])
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, text],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._remarks,
                pass_fds=[theirs.fileno(), *pass_fds],
                env={**os.environ, **(environment or {})},
            )
            made.pop_all()
        theirs.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, message: object) -> None:
        """Send a message; raises OSError if the process has ended."""
        self._connection.send(message)

    def receive(self) -> Any:
        """Wait for a message; raises EOFError or OSError if the process ends instead."""
        return self._connection.recv()

    def forget_remarks(self) -> None:
        """Forget what was written to the process's standard error."""
        os.ftruncate(self._remarks.fileno(), 0)
        os.lseek(self._remarks.fileno(), 0, os.SEEK_SET)  # the process's position too

    def last_remark(self) -> str:
        """Return the last line that was written to the process's standard error."""
        data = os.pread(self._remarks.fileno(), 1 << 16, 0)
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
        last = next((line for line in reversed(lines) if line.strip("\0")), "")
        return "".join(letter for letter in last if letter.isprintable())[:_MAX_REMARK]

    def exit_code(self) -> int:
        """Wait for the end of a process that has lost its connection, and return its status."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        self._process.kill()
        return self._process.wait()

    def end(self) -> None:
        """End the process, whatever it is doing, and let go of what it took."""
        self._connection.close()
        self._process.kill()
        self._process.wait()
        self._remarks.close()

    def kill(self) -> None:
        """End the process while another thread waits for its answer, which ends the waiting."""
        self._process.kill()


def how_ended(code: int, what: str) -> str:
    """Return how a process ended, as a part of a sentence.

    Args:
        code: its status; below 0, the signal that ended it.
        what: the process, such as ``"the decoding process"``.
    """
    if code >= 0:
        return f"{what} ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; is there too little memory?" if code == -signal.SIGKILL else ""
    return f"{what} was ended by {name}{hint}"
