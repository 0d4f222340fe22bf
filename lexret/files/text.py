"""Readers of text and JSON files that users name, with plain errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lexret.errors import InputError, MissingError


def read_text(file: Path, *, what: str = "file") -> str:
    """Read a UTF-8 text file, without its byte order mark.

    Args:
        what: what to call the file in the error if it is missing.

    Raises:
        MissingError: if there is no such file.
        InputError: if it cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MissingError(f"There is no {what} {file}.", path=file) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text: {error}.") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error


def read_json(file: Path, *, what: str = "file") -> Any:
    """Read a JSON file; see :func:`read_text`.

    Raises:
        MissingError: if there is no such file.
        InputError: if it cannot be read, or is not JSON.
    """
    try:
        return parse_json(read_text(file, what=what))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is not JSON: {error}.") from error


def parse_json(text: str | bytes) -> Any:
    """Parse JSON from outside.

    Raises:
        ValueError: if it is none, is not UTF-8, or is nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
