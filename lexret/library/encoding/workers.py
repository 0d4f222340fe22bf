"""Encodes the parts of a plan in processes of this machine, each with its share of the threads.

A process that dies takes one part along, which another begins anew.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lexret import errors
from lexret.errors import InputError, LexretError
from lexret.library.encoding.parts import PartRecord
from lexret.library.encoding.plan import EncodePlan
from lexret.library.encoding.worker import Advanced, Failed
from lexret.pictures.helper_process import HelperProcess, how_ended

Advance = Callable[[int, int], None]
"""Called with a part's number and how many of its pictures were dealt with so far."""
MOST_TRIES: Final = 3
MOST_THREADS: Final = 8
"""More would put fewer pictures through the network together, which changes a vector's last bits"""
_MODULE: Final = "lexret.library.encoding.worker"
_THREADS_VARIABLE: Final = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of the processes that encode.

    Attributes:
        workers: how many.
        threads: of each.
        device: of ONNX Runtime.
    """

    workers: int
    threads: int
    device: str = "cpu"


class WorkerPool:
    """Pool of processes that encode parts.

    Args:
        advance: is called in the thread that calls :meth:`run`.
    """

    def __init__(self, plan: EncodePlan, settings: WorkerSettings, advance: Advance) -> None:
        self._plan, self._settings, self._advance = plan, settings, advance
        self._open: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[tuple[int, int] | Exception | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._processes: set[HelperProcess] = set()
        self._stopped = False

    def run(self, parts: Sequence[int]) -> None:
        """Encode parts.

        Raises:
            InputError: if no process can be started, or one dies of a part again and again.
            LexretError: what a part could not be encoded for.
        """
        for number in parts:
            self._open.put(number)
        num_threads = min(self._settings.workers, len(parts))
        feeders = [threading.Thread(target=self._feed, daemon=True) for _ in range(num_threads)]
        for feeder in feeders:
            feeder.start()
        try:
            num_ended = 0
            while num_ended < num_threads:
                event = self._events.get()
                if isinstance(event, Exception):
                    raise event
                if event is None:
                    num_ended += 1
                else:
                    self._advance(*event)
        finally:
            self._stop()
            for feeder in feeders:
                feeder.join()

    def _stop(self) -> None:
        """End the processes; a part that is not done is left undone."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()

    def _feed(self) -> None:
        """Give one process after the other parts, until none is left."""
        process: HelperProcess | None = None
        try:
            while not self._stopped:
                try:
                    number = self._open.get_nowait()
                except queue.Empty:
                    break
                process = self._encode(number, process)
        except Exception as error:
            if not self._stopped:
                self._events.put(error)
        finally:
            if process is not None:
                self._end(process)
            self._events.put(None)

    def _encode(self, number: int, process: HelperProcess | None) -> HelperProcess:
        """Have a part encoded, in a fresh process where one dies; returns the process."""
        how = ""
        for _ in range(MOST_TRIES):
            process = process or self._start()
            try:
                self._converse(number, process)
                return process
            except (EOFError, ConnectionError) as error:
                if self._stopped:
                    self._end(process)
                    raise LexretError("The run was ended.") from error
                remark = process.last_remark()
                how = how_ended(process.exit_code(), "the process that encodes it")
                how += f" ({remark})" if remark else ""
                self._end(process)
                process = None
                self._events.put((number, 0))
            except BaseException:
                self._end(process)
                raise
        first, last = (self._plan.pictures(number)[place].doc_id for place in (0, -1))
        raise InputError(
            f"Part {number} (the pictures from {first} to {last}) could not be encoded in "
            f"{MOST_TRIES} tries: {how}. The other parts stay. With less memory a worker, run it "
            "again with fewer --workers."
        )

    def _converse(self, number: int, process: HelperProcess) -> PartRecord:
        process.send(number)
        num_done = 0
        while True:
            message = process.receive()
            if isinstance(message, Advanced):
                num_done += message.num_pictures
                self._events.put((number, num_done))
            elif isinstance(message, Failed):
                raise error_of(message.kind, message.message)
            else:
                record: PartRecord = message
                return record

    def _start(self) -> HelperProcess:
        settings = self._settings
        threads = {} if _THREADS_VARIABLE in os.environ else {
            _THREADS_VARIABLE: str(settings.threads)
        }  # fmt: skip
        values = [str(self._plan.out), settings.threads, settings.device]
        with self._lock:
            if self._stopped:
                raise LexretError("The run was ended.")
            try:
                process = HelperProcess(_MODULE, values, environment=threads)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"No process that encodes can be started: {error}. Try fewer --workers."
                ) from error
            self._processes.add(process)
        return process

    def _end(self, process: HelperProcess) -> None:
        with self._lock:
            self._processes.discard(process)
        with suppress(OSError):
            process.end()


def error_of(kind: str, message: str) -> LexretError:
    """Return the error that was raised in another process."""
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, LexretError):
        try:
            error: LexretError = found(message)
            return error
        except TypeError:  # it takes more than a message
            pass
    return LexretError(message)
