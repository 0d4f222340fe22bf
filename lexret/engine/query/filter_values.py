"""Reads the filters of a query: ranges of numbers, sizes and dates, and patterns of texts."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from lexret.engine.query.filters import (
    PATH,
    DateFields,
    DateFilter,
    FieldAliases,
    Filter,
    ListFilter,
    NumberFilter,
    PairFilter,
    path_filter,
    text_filter,
)
from lexret.engine.query.syntax import FieldFilter, ParsedQuery, query_error
from lexret.engine.store.columns import TEXT
from lexret.errors import InputError

_UNITS: Final = {
    "": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_NUMBER: Final = re.compile(
    r"(?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+))(?:/(?P<divisor>\d+))?(?P<unit>[a-z]*)",
    re.ASCII | re.IGNORECASE,
)
# Beyond some hundreds of digits no division is possible, and beyond 4,300 no reading.
_LONGEST_NUMBER: Final = 100
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?)?)?)?", re.ASCII
)
_YEARS: Final = range(1000, 9999)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Period:
    """A year, month, day, minute or second: from ``begins`` up to but without ``ends``."""

    begins: datetime
    ends: datetime


def read_filter(
    source: str,
    written: FieldFilter,
    columns: Mapping[str, str],
    aliases: FieldAliases,
    *,
    negated: bool,
) -> Filter:
    """Understand a filter of a query.

    Args:
        source: the query's text, for messages.
        columns: the fields of the index: name -> type.
        aliases: what other names mean, and which fields have units.

    Raises:
        QueryError: if the index has no such field, or the value is not one for it.
    """
    name = written.name
    if name in aliases.dates:
        return _date_filter(source, written, columns, aliases, negated=negated)
    if name in aliases.pairs and name not in columns:  # fields of one's own come first
        return _pair_filter(source, written, columns, aliases, negated=negated)
    column = name if name in columns else aliases.columns.get(name, name)
    kind = TEXT if name == PATH else columns.get(column)
    if kind is None:
        raise query_error(source, written.name_span, _unknown_field(name, columns, aliases))
    if kind == TEXT:
        try:
            if name == PATH:
                return path_filter(written.value, negated=negated)
            condition = text_filter(column, written.value, negated=negated)
            return ListFilter(condition) if column in aliases.lists else condition
        except InputError as error:
            message = f"This is no pattern: {error}."
            raise query_error(source, written.value_span, message) from error
    units = _UNITS if name in aliases.sizes else {"": 1}
    low, high = _ends(source, written, lambda text: _number(text, units), _NUMBERS_EXPECTED)
    if low is not None and high is not None and low > high:
        raise query_error(source, written.value_span, "The second number is less than the first.")
    return NumberFilter(name, low, high, negated)


def notes_on_empty_filters(
    parsed: ParsedQuery, columns: Mapping[str, str], aliases: FieldAliases
) -> tuple[str, ...]:
    """Return a note on each name of a field that is followed by a colon and no value.

    It is searched for as a word: a blank after the colon means that it is no filter.
    """
    named = {PATH, *columns, *aliases.columns, *aliases.dates, *aliases.pairs}
    notes = []
    for term in parsed.terms():
        written = parsed.source[term.span.start : term.span.end]
        name = written.removesuffix(":")
        if name != written and name in named and not name.startswith("_"):
            notes.append(
                f"{written} has no value and is searched for as a word; a filter has its value "
                f"behind the colon without a blank, as in {name}:*"
            )
    return tuple(dict.fromkeys(notes))


_NUMBERS_EXPECTED: Final = (
    "a number or a range such as 3, 1.5..8, 100.. or ..1/60; sizes may end in kB, MB, GB"
)
_DATES_EXPECTED: Final = (
    "a date or a range such as 2024, 2024-06, 2024-06-15.., 2023..2024-06 or 2024-06-15T14:30"
)


def _unknown_field(name: str, columns: Mapping[str, str], aliases: FieldAliases) -> str:
    from difflib import get_close_matches  # loads slowly

    dates = {date for date, fields in aliases.dates.items() if _tells_dates(fields, columns)}
    shown = {column: written for written, column in aliases.columns.items()}
    readable = {shown.get(column, column) for column in columns}
    pairs = {
        pair for pair, fields in aliases.pairs.items() if columns.keys() >= set(fields.columns)
    }
    known = {PATH, *(field for field in readable if not field.startswith("_"))} | dates | pairs
    near = get_close_matches(name, sorted(known), n=1)
    said = (
        f"This index has no field {name!r}; there are: {', '.join(sorted(known))}.",
        f"Did you mean {near[0]}?" if near else "",
        aliases.given_hint,
        aliases.hint,
        "If this is no filter, set a blank before or after the colon.",
    )
    return " ".join(filter(None, said))


def _tells_dates(fields: DateFields, columns: Mapping[str, str]) -> bool:
    return not columns.keys().isdisjoint((fields.by_clock, fields.by_system))


def _date_filter(
    source: str,
    written: FieldFilter,
    columns: Mapping[str, str],
    aliases: FieldAliases,
    *,
    negated: bool,
) -> DateFilter:
    fields = aliases.dates[written.name]
    if not _tells_dates(fields, columns):
        message = f"This index stores no dates. {aliases.hint}".rstrip()
        raise query_error(source, written.name_span, message)
    first, last = _ends(source, written, _period, _DATES_EXPECTED)
    begins, ends = first.begins if first else None, last.ends if last else None
    if begins is not None and ends is not None and begins >= ends:
        raise query_error(source, written.value_span, "The second date is before the first.")
    return DateFilter(fields, begins, ends, negated)


def _pair_filter(
    source: str,
    written: FieldFilter,
    columns: Mapping[str, str],
    aliases: FieldAliases,
    *,
    negated: bool,
) -> PairFilter:
    fields = aliases.pairs[written.name]
    if not columns.keys() >= set(fields.columns):
        raise query_error(source, written.name_span, fields.missing)
    if not written.value.strip():
        raise query_error(source, written.value_span, f"The value of {written.name} is empty.")
    try:
        return PairFilter(fields.columns, fields.read(written.value), negated)
    except InputError as error:
        message = f"This is no pattern: {error}."
        raise query_error(source, written.value_span, message) from error


def _ends(
    source: str, written: FieldFilter, read: Callable[[str], Value | None], expected: str
) -> tuple[Value | None, Value | None]:
    """Read ``a..b``, ``a..``, ``..b`` or ``a`` (both ends are the same then)."""
    text = written.value
    low, dots, high = text.partition("..")
    texts = (low, high) if dots else (text, text)
    values = [read(end) if end else None for end in texts]
    wrong = any(end and value is None for end, value in zip(texts, values, strict=True))
    if wrong or not any(texts):
        message = f"The value of {written.name} is {text!r}; expected {expected}."
        raise query_error(source, written.value_span, message)
    return values[0], values[1]


def _number(text: str, units: Mapping[str, int]) -> int | float | None:
    found = _NUMBER.fullmatch(text)
    if found is None or found["unit"].lower() not in units or len(text) > _LONGEST_NUMBER:
        return None
    whole = re.fullmatch(r"[+-]?\d+", found["number"]) is not None
    value = int(found["number"]) if whole else float(found["number"])
    divisor = int(found["divisor"] or 1)
    if divisor == 0:
        return None
    scaled = value * units[found["unit"].lower()]
    return scaled if divisor == 1 else scaled / divisor


def _period(text: str) -> Period | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    numbers = [int(digits) for digits in found.groups() if digits is not None]
    year, month, day, hour, minute, second = [*numbers, *(1, 1, 1, 0, 0, 0)[len(numbers) :]]
    try:
        begins = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    if year not in _YEARS:
        return None
    days = 365 + calendar.isleap(year) if len(numbers) == 1 else calendar.monthrange(year, month)[1]
    lengths = {3: timedelta(days=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}
    return Period(begins, begins + lengths.get(len(numbers), timedelta(days=days)))
