"""Reads tables of fields: CSV, or JSON Lines, one picture a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lexret.engine.store.columns import FieldValue
from lexret.errors import InputError, MissingError
from lexret.files.text import parse_json
from lexret.library.fields import OwnFields, check_name, kind_of_texts, parse_value

PATH: Final = "path"
JSON_ENDINGS: Final = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One row of a table.

    Attributes:
        line: where it ends in the file, from 1.
        path: the picture, as it was written.
        values: field name -> value; ``None`` takes the field away.
    """

    line: int
    path: str
    values: OwnFields


def read_field_table(file: Path, columns: Mapping[str, str]) -> list[FieldRow]:
    """Read a table of fields.

    A CSV file (UTF-8, ``.csv`` or any other ending) begins with a row of names, one of which is
    ``path``; a column without a type in the index is of whole numbers, numbers or texts, whatever
    all its values are. A JSON Lines file (``.jsonl``, ``.ndjson``) holds one object a line. An
    empty cell or ``null`` takes the field away.

    Args:
        columns: the fields that the index has: name -> type.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is no such table, or a value is not of its field's type; the message
            names the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            if file.suffix.lower() in JSON_ENDINGS:
                return list(_read_json(text, file))
            return _read_csv(csv.reader(text, strict=True), file, columns)
    except FileNotFoundError as error:
        raise MissingError(
            f"There is no file {file}; expected a CSV or JSON Lines file.", path=file
        ) from error
    except IsADirectoryError as error:
        raise InputError(f"{file} is a folder; expected a CSV or JSON Lines file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8: {error.reason}. Save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error


def _read_csv(rows: Any, file: Path, columns: Mapping[str, str]) -> list[FieldRow]:
    lines: list[tuple[int, list[str]]] = []
    try:
        names = [name.strip() for name in next(rows, [])]
        for cells in rows:
            if cells:
                lines.append((rows.line_num, cells))
    except csv.Error as error:
        raise InputError(f"{file}, line {rows.line_num}: {error}.") from error
    if names.count(PATH) != 1 or len(set(names)) != len(names):
        raise InputError(
            f"{file} begins with the columns {', '.join(names) or '(none)'}; expected distinct "
            f"names, one of them {PATH!r}."
        )
    for line, cells in lines:
        if len(cells) != len(names):
            raise InputError(
                f"{file}, line {line}: {len(cells)} cells; expected {len(names)}, as in line 1."
            )
    fields = [(place, name) for place, name in enumerate(names) if name != PATH]
    kinds = {}
    for place, name in fields:
        check_name(name)
        kinds[name] = columns.get(name) or kind_of_texts([cells[place] for _, cells in lines])
    at = names.index(PATH)
    return [
        FieldRow(
            line,
            cells[at],
            {n: _cell(file, line, n, cells[place].strip(), kinds[n]) for place, n in fields},
        )
        for line, cells in lines
    ]


def _cell(file: Path, line: int, name: str, text: str, kind: str) -> FieldValue:
    try:
        return parse_value(name, text, kind)
    except InputError as error:
        raise InputError(f"{file}, line {line}: {error}") from error


def _read_json(lines: Any, file: Path) -> Iterator[FieldRow]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = parse_json(line)
        except ValueError as error:
            raise InputError(f"{file}, line {number}: no JSON: {error}.") from error
        if not isinstance(values, dict) or not isinstance(values.get(PATH), str):
            raise InputError(
                f'{file}, line {number}: expected an object such as {{"path": "1.jpg", "stars": 5}}'
            )
        fields = {name: value for name, value in values.items() if name != PATH}
        for name, value in fields.items():
            check_name(name)
            if isinstance(value, bool) or not isinstance(value, int | float | str | None):
                raise InputError(
                    f"{file}, line {number}: the field {name!r} is {json.dumps(value)}; expected a "
                    "number, a text or null."
                )
        yield FieldRow(number, values[PATH], fields)
