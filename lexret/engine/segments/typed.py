"""Typed reading of JSON objects: values that are not what they should be are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_PLAIN_NAME_BREAKERS: Final = ("/", "\\", "\0")


class TypedObject:
    """JSON object whose fields are read with the types that they must have.

    Args:
        values: what was parsed.
        where: what to call it in errors.

    Raises:
        ValueError: here and in all methods, if a value is not of the type.
    """

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise ValueError(f"{where} is {_short(values)}; expected an object")
        self._values, self._where = values, where

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._get(name)
        if not isinstance(value, str):
            raise self._unexpected(name, "a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or ``None`` where the field is null or missing."""
        return None if self._values.get(name) is None else self.text(name)

    def file_name(self, name: str) -> str:
        """Return the name of a file or folder, which holds no separator."""
        value = self.text(name)
        check_file_name(value, f"{name!r} of {self._where}")
        return value

    def number(self, name: str, *, least: int = 0) -> int:
        """Return a whole number."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._unexpected(name, f"a whole number of {least} or more")
        return value

    def real(self, name: str) -> float:
        """Return a number of 0 or more."""
        value = self._get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
            raise self._unexpected(name, "a number of 0 or more")
        return float(value)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return a text that is one of some."""
        value = self.text(name)
        if value not in choices:
            raise self._unexpected(name, f"one of {list(choices)}")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        value = self._get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._unexpected(name, "a list of texts")
        return value

    def object(self, name: str) -> TypedObject:
        """Return an object within this one."""
        return TypedObject(self._get(name), f"{name!r} of {self._where}")

    def objects(self, name: str) -> list[TypedObject]:
        """Return a list of objects."""
        value = self._get(name)
        if not isinstance(value, list):
            raise self._unexpected(name, "a list")
        return [TypedObject(item, f"{name!r} {i} of {self._where}") for i, item in enumerate(value)]

    def names(self) -> Iterator[str]:
        """Yield the names of all fields."""
        yield from self._values

    def is_null(self, name: str) -> bool:
        """Whether a field is null or missing."""
        return self._values.get(name) is None

    def _get(self, name: str) -> Any:
        if name not in self._values:
            raise ValueError(f"{self._where} has no {name!r}")
        return self._values[name]

    def _unexpected(self, name: str, expected: str) -> ValueError:
        found = _short(self._values[name])
        return ValueError(f"{name!r} of {self._where} is {found}; expected {expected}")


def check_file_name(name: str, what: str) -> None:
    """Raise ValueError if a text is not the name of a file within a folder."""
    if not name or name in (".", "..") or any(mark in name for mark in _PLAIN_NAME_BREAKERS):
        raise ValueError(f"{what} is {_short(name)}; expected the name of a file")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
