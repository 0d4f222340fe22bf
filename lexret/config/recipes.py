"""Recipes: TOML files that name a preset and change some of its fields.

::

    preset = "mini"
    [model.image]
    image_size = 224
    [train]
    epochs = 3
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexret.arguments import require_several
from lexret.config.run import RunConfig
from lexret.config.values import validated
from lexret.errors import InputError, MissingError
from lexret.presets import preset_values


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """Read a TOML file, which errors call ``what``.

    Raises:
        MissingError: if there is no such file.
        InputError: if it cannot be read, or is not TOML.
    """
    try:
        return _parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingError(
            f"There is no {what} {path}; expected a TOML file.", path=path
        ) from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; expected a {what}, a TOML file.") from error
    except ValueError as error:
        raise InputError(f"The {what} {path} is not valid TOML: {error}.") from error
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read: {error.strerror}.") from error


def _parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises ValueError where it is none, or is nested too deeply to be read."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def load_recipe(path: str | Path, assignments: Sequence[str] = ()) -> RunConfig:
    """Read a TOML recipe; ``assignments`` are ``key.path=value`` changes with TOML values.

    A value ``none`` unsets what the preset sets, where there need not be a value.

    Raises:
        MissingError: if there is no such file.
        InputError: if the file is not TOML or a value is wrong.
    """
    values = read_values(path, assignments)
    name = values.pop("preset", None)
    if name is not None:
        values = merged(preset_values(str(name)), values)
    return validated(RunConfig, values, str(path))


def read_values(path: str | Path, assignments: Sequence[str] = ()) -> dict[str, Any]:
    """Read the values of a recipe and change them as :func:`load_recipe` does, unchecked.

    Raises:
        MissingError: if there is no such file.
        InputError: if the file is not TOML, or a change cannot be read.
    """
    require_several(assignments, "changes key=value")
    values = read_toml(Path(path), what="recipe")
    for assignment in assignments:
        _assign(values, assignment)
    return values


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the nested values of ``changes`` replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _assign(values: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise InputError(f"Cannot read --set {assignment!r}; expected key.path=value.")
    try:
        value = _parse_toml(f"x = {text}")["x"]
    except ValueError:
        value = text.strip()
    *parents, last = key.strip().split(".")
    place = values
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {assignment!r}: {parent!r} is a value, not a table.")
    place[last] = value
