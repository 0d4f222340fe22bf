"""A layer of faults below every file operation: kills, torn writes, loss of power, full disks.

``recorded`` watches what a function does to a folder, operation by operation: what is in each file
and folder, and what of it was made durable. Out of that come, for every operation, the states that
a kill or a loss of power there could leave (:class:`Crash`), without running the function again.

``injected`` lets the n-th operation fail instead, with the code of the function going on: a full
disk, an error of the device, an interruption, or a real SIGKILL.

What counts as an operation: making, opening for writing, writing, flushing, renaming, exchanging,
linking, removing, and syncing. Files that other libraries write past Python, such as safetensors,
are seen when they have changed at the next operation.
"""

from __future__ import annotations

import builtins
import errno
import io
import itertools
import os
import random
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from lexret.files import folders

# What the code under test does with files: name in ``os`` -> its paths among the arguments.
OPERATIONS = {
    "replace": 2, "rename": 2, "link": 2, "symlink": 2, "unlink": 1, "remove": 1, "mkdir": 1,
    "rmdir": 1, "truncate": 1, "chmod": 1,
}  # fmt: skip
WRITING = ("w", "a", "x", "+")


class Injected(OSError):
    """An error that was injected."""


@contextmanager
def intercepted(root: Path, touch: Callable[[str, Callable[[], Any]], Any]) -> Iterator[None]:
    """Give every operation on files below ``root`` to ``touch(name, do)``, which may do it."""
    with ExitStack() as stack:
        for name, num_paths in OPERATIONS.items():
            real = getattr(os, name)
            operation = _of_paths(root, name, real, num_paths, touch)
            stack.enter_context(patch.object(os, name, operation))
        opened = _opening(root, builtins.open, touch)
        stack.enter_context(patch.object(builtins, "open", opened))
        stack.enter_context(patch.object(io, "open", opened))
        stack.enter_context(patch.object(os, "open", _os_open(root, os.open, touch)))
        stack.enter_context(patch.object(os, "fsync", _fsync(root, os.fsync, touch)))
        real_exchange = folders.exchange
        stack.enter_context(patch.object(
            folders, "exchange",
            lambda one, other: touch("exchange", lambda: real_exchange(one, other)),
        ))  # fmt: skip
        flush = np.memmap.flush
        stack.enter_context(patch.object(
            np.memmap, "flush",
            lambda self: touch(f"fsync {self.filename}", lambda: flush(self)),
        ))  # fmt: skip
        yield


def _is_below(path: Any, root: Path, folder: int | None = None) -> bool:
    if isinstance(path, int):
        return _is_below(os.readlink(f"/proc/self/fd/{path}"), root)
    if folder is not None:
        return _is_below(folder, root)
    return Path(os.path.abspath(os.fsdecode(path))).is_relative_to(root)


def _of_paths(root: Path, name: str, real: Any, num_paths: int, touch: Any) -> Any:
    def operation(*arguments: Any, **options: Any) -> Any:
        folder = options.get("dir_fd")
        if not any(_is_below(path, root, folder) for path in arguments[:num_paths]):
            return real(*arguments, **options)
        return touch(name, lambda: real(*arguments, **options))

    return operation


def _os_open(root: Path, real: Any, touch: Any) -> Any:
    def opened(path: Any, flags: int, *arguments: Any, **options: Any) -> Any:
        if not flags & os.O_CREAT or not _is_below(path, root, options.get("dir_fd")):
            return real(path, flags, *arguments, **options)
        return touch("create", lambda: real(path, flags, *arguments, **options))

    return opened


def _fsync(root: Path, real: Any, touch: Any) -> Any:
    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        if _is_below(number, root):
            path = os.readlink(f"/proc/self/fd/{number}")
            touch(f"fsync {path}", lambda: real(number))

    return fsync


def _opening(root: Path, real: Any, touch: Any) -> Any:
    def opened(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not any(letter in mode for letter in WRITING) or isinstance(path, int):
            return real(path, mode, *arguments, **options)
        if not _is_below(path, root):
            return real(path, mode, *arguments, **options)
        return Written(touch("open", lambda: real(path, mode, *arguments, **options)), touch)

    return opened


class Written:
    """File that is open for writing, each write of which is an operation."""

    def __init__(self, file: Any, touch: Any) -> None:
        self._file, self._touch = file, touch

    def write(self, data: Any) -> Any:
        def do() -> Any:
            found = self._file.write(data)
            self._file.flush()
            return found

        def half() -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()

        do.half = half  # type: ignore[attr-defined]
        return self._touch("write", do)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def truncate(self, *arguments: Any) -> Any:
        return self._touch("truncate", lambda: self._file.truncate(*arguments))

    def __enter__(self) -> Written:
        return self

    def __exit__(self, *arguments: Any) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


# What a crash leaves.


@dataclass(frozen=True)
class Node:
    """A file or folder at one moment: bytes, or name -> number of the node."""

    content: bytes | tuple[tuple[str, int], ...]
    mode: int
    mtime_ns: int


@dataclass
class History:
    """All that became of one file or folder since it was last made durable.

    Attributes:
        durable: as it is on the disk for sure; ``None`` if it is not there for sure.
        since: what it became after that, the last of them now.
    """

    durable: Node | None
    since: list[Node] = field(default_factory=list)

    @property
    def now(self) -> Node:
        node = self.since[-1] if self.since else self.durable
        assert node is not None
        return node


@dataclass(frozen=True)
class Crash:
    """A state that a crash may leave.

    Attributes:
        point: after so many operations.
        kind: what was lost.
        nodes: number -> file or folder; 0 is the root.
    """

    point: int
    kind: str
    nodes: dict[int, Node]

    def restore(self, root: Path) -> None:
        """Put the state in place of what is at ``root``."""
        shutil.rmtree(root, ignore_errors=True)
        made: dict[int, Path] = {}
        self._restore(0, root, made)

    def _restore(self, number: int, path: Path, made: dict[int, Path]) -> None:
        node = self.nodes[number]
        if isinstance(node.content, bytes):
            if number in made:
                os.link(made[number], path)
                return
            path.write_bytes(node.content)
        else:
            path.mkdir()
            for name, inner in node.content:
                self._restore(inner, path / name, made)
        made[number] = path
        path.chmod(node.mode)
        os.utime(path, ns=(node.mtime_ns, node.mtime_ns))

    def key(self, number: int = 0) -> Any:
        """What tells this state from others."""
        node = self.nodes[number]
        if isinstance(node.content, bytes):
            return node.content
        return tuple((name, self.key(inner)) for name, inner in node.content)


class Recorder:
    """Recorder of a folder; see the module."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.histories: dict[int, History] = {}
        self.numbers: dict[int, int] = {}
        self.counter = itertools.count()
        self.point = 0
        self.names: list[str] = []
        self._scan()
        for history in self.histories.values():
            history.durable, history.since = history.now, []
        self.crashes: list[Crash] = []
        self.random = random.Random(0)
        self._note()

    def touch(self, name: str, do: Callable[[], Any]) -> Any:
        if self._scan():  # what was written past Python
            self._note()
        result = do()
        self.point += 1
        self.names.append(name.partition(" ")[0])
        if name.startswith("fsync "):
            self._sync(Path(name.removeprefix("fsync ")))
        self._scan()
        self._note()
        return result

    def _scan(self) -> bool:
        """Look at everything; tells whether anything has changed."""
        found: dict[int, Node] = {}
        numbers: dict[int, int] = {}
        self._visit(self.root, found, numbers)
        changed = self.numbers != numbers
        self.numbers = numbers
        for number, node in found.items():
            history = self.histories.get(number)
            if history is None:
                self.histories[number] = History(None, [node])
            elif history.now != node:
                changed = True
                same = history.now.content == node.content
                if same and history.since:
                    history.since[-1] = node
                elif same:
                    history.durable = node  # times and rights go with the content here
                else:
                    history.since.append(node)
        return changed

    def _visit(self, path: Path, found: dict[int, Node], numbers: dict[int, int]) -> int:
        state = path.lstat()
        known = numbers.get(state.st_ino, self.numbers.get(state.st_ino))
        number = next(self.counter) if known is None else known
        numbers[state.st_ino] = number
        if number in found:
            return number
        if stat.S_ISDIR(state.st_mode):
            entries = tuple(
                (entry.name, self._visit(Path(entry.path), found, numbers))
                for entry in sorted(os.scandir(path), key=lambda entry: entry.name)
            )
            content: Any = entries
        else:
            content = _content(path)
        found[number] = Node(content, stat.S_IMODE(state.st_mode), state.st_mtime_ns)
        return number

    def _sync(self, path: Path) -> None:
        self._scan()
        number = self.numbers.get(path.lstat().st_ino) if path.exists() else None
        if number is not None:
            history = self.histories[number]
            history.durable, history.since = history.now, []

    def _note(self) -> None:
        """Note what a crash would leave now."""
        present = set(self.numbers.values())
        now = {number: self.histories[number].now for number in present}
        self._add("kill", now)
        self._add("power lost", {n: self._durable(n) for n in self.histories})
        for share in (0.0, 0.5):
            torn = {n: self._torn(n, share) for n in self.histories}
            self._add(f"data lost, {share:.0%} of it there", torn)
        for _ in range(3):
            self._add("mixed", {n: self._any(n) for n in self.histories})

    def end(self) -> None:
        """Note what a loss of power leaves after all that was done."""
        self._scan()
        self._add(AT_THE_END, {n: self._durable(n) for n in self.histories})

    def _add(self, kind: str, nodes: dict[int, Node]) -> None:
        self.crashes.append(Crash(self.point, kind, nodes))

    def _durable(self, number: int) -> Node:
        history = self.histories[number]
        if history.durable is not None:
            return history.durable
        node = history.now
        empty: Any = b"" if isinstance(node.content, bytes) else ()
        return Node(empty, node.mode, node.mtime_ns)

    def _torn(self, number: int, share: float) -> Node:
        """The node where folders are on the disk, and files as far as they were synced, or torn."""
        history = self.histories[number]
        node = history.now
        if not isinstance(node.content, bytes) or not history.since:
            return node
        return self._cut(history, node, int(len(node.content) * share))

    def _cut(self, history: History, node: Node, length: int) -> Node:
        """The node where only its first bytes came to the disk; behind them is what was there.

        A file that was overwritten in place, and never cut short, is as long as it ever was.
        """
        versions = [v.content for v in (history.durable, *history.since) if v is not None]
        least = min(map(len, versions)) if history.durable is not None else 0
        old = history.durable.content if history.durable is not None else b""
        assert isinstance(node.content, bytes) and isinstance(old, bytes)
        return Node(node.content[:length] + old[length:least], node.mode, node.mtime_ns)

    def _any(self, number: int) -> Node:
        """The node at any moment since it was made durable, cut off anywhere if it is a file."""
        history = self.histories[number]
        node = self.random.choice([self._durable(number), *history.since])
        if isinstance(node.content, bytes) and history.since and self.random.random() < 0.3:
            return self._cut(history, node, self.random.randrange(len(node.content) + 1))
        return node


REAL_OPEN = open
AT_THE_END = "power lost at the end"


def _content(path: Path) -> bytes:
    with REAL_OPEN(path, "rb") as file:
        return file.read()


@contextmanager
def recorded(root: Path) -> Iterator[Recorder]:
    """Record what is done to a folder; the recorder has the crashes afterwards."""
    recorder = Recorder(root)
    with intercepted(root, recorder.touch):
        yield recorder
    recorder.end()


def distinct(crashes: list[Crash]) -> list[Crash]:
    """Return the crashes that leave different states, in their order."""
    seen: set[Any] = set()
    result = []
    for crash in crashes:
        key = hash(crash.key())
        if key not in seen:
            seen.add(key)
            result.append(crash)
    return result


# What fails while the code goes on.

FAULTS = ("full disk", "device error", "torn write", "interruption")
_TAKES_ROOM = ("open", "create", "write", "truncate", "mkdir", "link", "symlink", "fsync")


class Injector:
    """Injector of one fault at the n-th operation.

    Args:
        kind: ``full disk``: from there on, all that takes room fails; ``device error``: that
            operation fails; ``torn write``: the next write stops half way, then the disk is full;
            ``interruption``: Ctrl-C; ``kill``: SIGKILL.
    """

    def __init__(self, kind: str, at: int) -> None:
        self.kind, self.at = kind, at
        self.done = 0
        self.fired = ""

    def touch(self, name: str, do: Callable[[], Any]) -> Any:
        self.done += 1
        plain = name.partition(" ")[0]
        if self.done > self.at and self._fails(plain):
            first, self.fired = not self.fired, self.fired or plain
            self._fail(do, first=first)
        return do()

    def _fails(self, name: str) -> bool:
        if self.kind == "full disk":
            return name in _TAKES_ROOM
        if self.kind == "torn write":
            return name == "write" if not self.fired else name in _TAKES_ROOM
        return not self.fired

    def _fail(self, do: Any, *, first: bool) -> None:
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "interruption":
            raise KeyboardInterrupt
        if self.kind == "torn write" and first:
            do.half()
        code = errno.EIO if self.kind == "device error" else errno.ENOSPC
        raise Injected(code, os.strerror(code))


@contextmanager
def injected(root: Path, kind: str, at: int) -> Iterator[Injector]:
    """Let an operation on files below ``root`` fail, counted from 0."""
    injector = Injector(kind, at)
    with intercepted(root, injector.touch):
        yield injector
