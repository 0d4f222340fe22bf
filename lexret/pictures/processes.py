"""Reads picture files in processes of their own, so that a decoder that dies takes nothing with it.

Decoders are C libraries, and some files make them abort, write where they must not, or take all
memory. Each worker has one file at a time, so that it is known which it died of.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, replace
from typing import IO, Final

from PIL import Image

from lexret.errors import InputError, LexretError
from lexret.pictures.helper_process import HelperProcess, how_ended
from lexret.pictures.memory import MemoryBudget
from lexret.pictures.reading import (
    OUT_OF_MEMORY,
    FileContent,
    FileSource,
    FileState,
    HeldFile,
    Outcome,
    ReadSettings,
    Refusal,
)
from lexret.pictures.worker import Costs, Decoded, Hashed, Ready

_MODULE: Final = "lexret.pictures.worker"
DIED: Final = "the decoder died"


class WorkerDied(LexretError):
    """A worker ended in the middle of a file."""


class ReaderClosed(LexretError):
    """A file was not read, as nobody waits for it any more."""


class Worker:
    """A process that reads one file after another.

    Raises:
        InputError: if the system lets no process be started.
    """

    def __init__(self, settings: ReadSettings) -> None:
        self._settings = settings
        with ExitStack() as made:
            try:
                self._shared = made.enter_context(_shared_file())
                handle = self._shared.fileno()
                values = [handle, asdict(settings)]
                self._process = HelperProcess(_MODULE, values, pass_fds=[handle])
            except (OSError, ValueError) as error:
                raise _cannot_start(str(error)) from error
            made.pop_all()
        self._started = False

    def read(
        self,
        path: FileSource,
        *,
        is_known: Callable[[str], bool],
        admit: Callable[[int], AbstractContextManager[object]],
    ) -> Outcome:
        """Read a file.

        Raises:
            WorkerDied: if the process ends before it is done.
            InputError: if the process did not even start.
        """
        try:
            self._process.forget_remarks()
            if not self._started:
                self._started = isinstance(self._process.receive(), Ready)
            self._process.send(path)
            return self._with_remark(self._converse(is_known, admit))
        except (EOFError, OSError) as error:
            how, remark = self._how_it_ended(), self._process.last_remark()
            if not self._started:
                raise _cannot_start(remark or how) from error
            raise WorkerDied(f"{how}{_in_brackets(remark)}") from error

    def _converse(
        self,
        is_known: Callable[[str], bool],
        admit: Callable[[int], AbstractContextManager[object]],
    ) -> Outcome:
        with ExitStack() as held:
            while True:
                message = self._process.receive()
                if isinstance(message, Hashed):
                    self._process.send(is_known(message.sha256))
                elif isinstance(message, Costs):
                    held.enter_context(admit(message.num_bytes))
                    self._process.send(True)
                elif isinstance(message, Decoded):
                    return self._with_image(message)
                else:
                    outcome: Outcome = message
                    return outcome

    def _with_image(self, decoded: Decoded) -> FileContent:
        width, height = decoded.size
        pixels = os.pread(self._shared.fileno(), 3 * width * height, 0)
        image = Image.frombytes("RGB", decoded.size, pixels)
        assert decoded.content.picture is not None
        return replace(decoded.content, picture=replace(decoded.content.picture, image=image))

    def _with_remark(self, outcome: Outcome) -> Outcome:
        """Add what a library said of a file to the message that refuses it."""
        if not isinstance(outcome, Refusal):
            return outcome
        return replace(outcome, message=outcome.message + _in_brackets(self._process.last_remark()))

    def _how_it_ended(self) -> str:
        code = self._process.exit_code()
        if code == -signal.SIGXCPU:
            return f"it took more than {self._settings.max_seconds} s of processor time"
        return how_ended(code, "the decoding process")

    def end(self) -> None:
        """End the process, whatever it is doing, and let go of what the worker holds."""
        self._process.end()
        self._shared.close()

    def kill(self) -> None:
        """End the process while another thread waits for its answer, which ends the waiting."""
        self._process.kill()


class ProcessReader:
    """Reader of files that has processes decode them, as many as threads call it.

    A file that a process dies of is tried once more in a fresh one, while no other file is being
    decoded: what died of a file before it, or of too little memory for several, is not blamed.

    Args:
        budget: of memory, shared by all processes.
    """

    def __init__(self, settings: ReadSettings, budget: MemoryBudget) -> None:
        self._settings, self._budget = settings, budget
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._closed = False

    def read(self, path: FileSource, *, is_known: Callable[[str], bool]) -> Outcome:
        """Read a file.

        Raises:
            InputError: if no process can be started.
            ReaderClosed: if the reader is closed meanwhile.
        """
        try:
            outcome = self._read(path, is_known, self._budget.holding)
        except WorkerDied:
            return self._read_alone(path, is_known)
        if isinstance(outcome, Refusal) and outcome.reason == OUT_OF_MEMORY:
            return self._read_alone(path, is_known)
        return outcome

    def _read_alone(self, path: FileSource, is_known: Callable[[str], bool]) -> Outcome:
        with self._budget.holding(self._budget.num_bytes):
            try:
                state = path.state if isinstance(path, HeldFile) else FileState.of(path.stat())
            except OSError:
                state = None  # gone meanwhile
            with self._lock:
                idle, self._idle = self._idle, []
            for worker in idle:
                worker.end()
            try:
                return self._read(path, is_known, nullcontext)
            except WorkerDied as error:
                return Refusal(DIED, f"{path} cannot be decoded: {error}.", state)

    def _read(
        self,
        path: FileSource,
        is_known: Callable[[str], bool],
        admit: Callable[[int], AbstractContextManager[object]],
    ) -> Outcome:
        worker = self._borrow()
        try:
            outcome = worker.read(path, is_known=is_known, admit=admit)
        except BaseException as error:
            with self._lock:
                self._busy.remove(worker)
            worker.end()
            if isinstance(error, WorkerDied) and self._closed:
                raise ReaderClosed(f"{path} was not read to its end.") from None
            raise
        with self._lock:
            self._busy.remove(worker)
            if not self._closed:
                self._idle.append(worker)
                return outcome
        worker.end()
        return outcome

    def _borrow(self) -> Worker:
        with self._lock:
            if self._closed:
                raise ReaderClosed("The reader of pictures is closed.")
            worker = self._idle.pop() if self._idle else Worker(self._settings)
            self._busy.append(worker)
            return worker

    def close(self) -> None:
        """End all processes; files that are being read are not finished."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()
        for worker in idle:
            worker.end()


def _shared_file() -> IO[bytes]:
    """Open a file that has no name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("lexret-pixels"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _in_brackets(remark: str) -> str:
    return f" ({remark})" if remark else ""


def _cannot_start(why: str) -> InputError:
    return InputError(
        f"No process that decodes pictures can be started: {why}. To decode them in this process, "
        "which a damaged picture may then end, say --jobs 0."
    )
