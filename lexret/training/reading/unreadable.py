"""Unreadable pictures of a run: noted, counted, and left out of the losses.

Among millions of pictures from the web some are broken. A run may leave out a few, if its
configuration says how many (``data.max_unreadable``); each is written into the run folder.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from lexret.errors import CorruptError, InputError, LexretError, StorageError
from lexret.files.text import parse_json
from lexret.files.whole import replace_file


class UnreadablePictures:
    """List of the pictures that one process could not read, as a file of JSON lines.

    Several threads may note pictures at once.

    Args:
        file: ``{"picture", "problem"}`` on each line; those in it already count.
        limit: how many are allowed.

    Raises:
        CorruptError: if the file cannot be read.
    """

    def __init__(self, file: Path, limit: int) -> None:
        self._file, self._limit = file, limit
        self._lock = threading.Lock()
        try:
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
            whole = text[: text.rfind("\n") + 1]  # a crash may cut the last line short
            self._names = {str(parse_json(line)["picture"]) for line in whole.splitlines()}
            if whole != text:  # or the next line would be joined to it
                replace_file(file, whole.encode())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{file} cannot be read ({error}); delete it.") from error

    def __len__(self) -> int:
        return len(self._names)

    def note(self, name: str, error: LexretError) -> None:
        """Note a picture that is left out.

        Raises:
            InputError: if these are more than are allowed; from the picture's own error.
            StorageError: if the file cannot be written.
        """
        with self._lock:
            if name in self._names:
                return
            self._names.add(name)
            if self._limit == 0:
                raise InputError(
                    f"{error} Mend or remove it, or set data.max_unreadable to the share of the "
                    "pictures that may be left out."
                ) from error
            self._write(name, error)
            if len(self._names) > self._limit:
                raise InputError(
                    f"{len(self._names)} pictures cannot be read, {self._limit} are allowed "
                    f"(data.max_unreadable); {self._file} lists them. The last one: {error}"
                ) from error

    def _write(self, name: str, error: LexretError) -> None:
        try:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"picture": name, "problem": str(error)}) + "\n")
        except OSError as failure:
            raise StorageError(f"Cannot write {self._file}: {failure}.") from failure
