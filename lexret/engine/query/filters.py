"""Conditions on the fields of documents; :mod:`lexret.engine.query.filter_values` reads them from
text.

A document that lacks a field does not meet a condition on it; it meets the negated one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from lexret.engine.query.globs import Name, Pattern, fixed_beginning, path_pattern
from lexret.engine.store.checked import AnyArray
from lexret.engine.store.columns import FieldValue

PATH: Final = "path"
INT64: Final = (-(2**63), 2**63 - 1)
_NANO: Final = 1_000_000_000
_NOT_ASCII: Final = re.compile(r"[^\0-\x7f]")

Fields = Callable[[str], FieldValue]
Flags = npt.NDArray[np.bool_]


class Filter(Protocol):
    """A condition on the fields of a document."""

    @property
    def negated(self) -> bool:
        """Whether the documents that do not meet it are wanted."""
        ...

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether a document meets the condition, ``negated`` left aside."""
        ...


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """A number within bounds, which belong to what is wanted; ``None`` is no bound."""

    field: str
    low: int | float | None
    high: int | float | None
    negated: bool = False

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether the document's number lies within the bounds."""
        value = fields(self.field)
        if not isinstance(value, int | float):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class DateFields:
    """The fields that tell the date of a document.

    Attributes:
        by_clock: seconds since 1970 by a clock whose time zone is not known.
        by_system: nanoseconds since 1970 (UTC), for documents without the other.
    """

    by_clock: str
    by_system: str


@dataclass(frozen=True, slots=True)
class PairFields:
    """Two numbers of a document that are asked about together, such as coordinates.

    Attributes:
        columns: the fields that hold them.
        read: makes a condition of a filter's value: it tells which of N pairs are wanted, of the
            first numbers (N,) and the second; raises InputError where the value is no such thing.
        missing: what a query is told where the index has no such fields.
    """

    columns: tuple[str, str]
    read: Callable[[str], Callable[[AnyArray, AnyArray], Flags]]
    missing: str


@dataclass(frozen=True)
class FieldAliases:
    """Names in queries that are no fields, what they mean, and which fields have units.

    Attributes:
        dates: names of dates, such as ``date``, and the fields that tell them.
        sizes: fields that count bytes.
        columns: names of fields that are stored under another name.
        lists: stored fields that hold several texts, one a line.
        pairs: names of what two fields tell together.
        hint: what to do where a field is missing, for messages.
        given_hint: where fields that no file holds come from, for the same messages.
    """

    dates: Mapping[str, DateFields] = field(default_factory=dict)
    sizes: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    pairs: Mapping[str, PairFields] = field(default_factory=dict)
    hint: str = ""
    given_hint: str = ""


NO_ALIASES: Final = FieldAliases()


@dataclass(frozen=True, slots=True)
class DateFilter:
    """When a document was made, as a clock without time zone says it, or the system's time.

    The clock is taken as it is; the system's times are read in this machine's time zone.

    Attributes:
        fields: where the date stands.
        first: the earliest moment that is wanted, without time zone; ``None`` is no bound.
        end: the earliest moment after it that is not wanted; likewise.
    """

    fields: DateFields
    first: datetime | None
    end: datetime | None
    negated: bool = False

    def clock_bounds(self) -> tuple[int, int]:
        """Return the bounds by the clock: the lowest number wanted and the highest."""
        low = INT64[0] if self.first is None else int(self.first.replace(tzinfo=UTC).timestamp())
        high = INT64[1] if self.end is None else int(self.end.replace(tzinfo=UTC).timestamp()) - 1
        return low, high

    def system_bounds(self) -> tuple[int, int]:
        """Return the bounds by the system: the lowest number wanted and the highest."""
        low = INT64[0] if self.first is None else int(self.first.timestamp()) * _NANO
        high = INT64[1] if self.end is None else int(self.end.timestamp()) * _NANO - 1
        return max(low, INT64[0]), min(high, INT64[1])

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether the document's date lies within the bounds."""
        by_clock, by_system = fields(self.fields.by_clock), fields(self.fields.by_system)
        if isinstance(by_clock, int):
            low, high = self.clock_bounds()
            return low <= by_clock <= high
        low, high = self.system_bounds()
        return isinstance(by_system, int) and low <= by_system <= high


@dataclass(frozen=True, slots=True)
class PairFilter:
    """A condition on two numbers of a document together.

    Attributes:
        columns: the fields that hold them.
        fits: tells which of N pairs are wanted.
    """

    columns: tuple[str, str]
    fits: Callable[[AnyArray, AnyArray], Flags]
    negated: bool = False

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether the document has both numbers, and they fit."""
        pair = [fields(name) for name in self.columns]
        if not all(isinstance(value, int | float) for value in pair):
            return False
        first, second = (np.array([value], np.float64) for value in pair)
        return bool(self.fits(first, second)[0])


@dataclass(frozen=True, slots=True)
class TextFilter:
    """A text that fits a pattern.

    Attributes:
        field: the field; ``path`` is the document's id where there is no such field.
        pattern: matches the whole text.
        prefix: what every text begins with that fits.
    """

    field: str
    pattern: Pattern
    prefix: str = ""
    negated: bool = False

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether the document's text fits the pattern."""
        value = fields(self.field)
        if value is None and self.field == PATH:
            value = doc_id
        return isinstance(value, str) and self.fits(value)

    def fits(self, text: str) -> bool:
        """Tell whether a text fits the pattern, in whichever normal form of Unicode it is."""
        return self.pattern.fits(normal(text))


@dataclass(frozen=True, slots=True)
class ListFilter:
    """A text that fits a pattern, among those of a field that holds several, one a line.

    Attributes:
        text: the condition on one of them.
    """

    text: TextFilter

    @property
    def negated(self) -> bool:
        """Whether the documents without such a text are wanted."""
        return self.text.negated

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether one of the document's texts fits the pattern."""
        value = fields(self.text.field)
        texts = value.split("\n") if isinstance(value, str) else ()
        return any(self.text.fits(text) for text in texts)


def normal(text: str) -> str:
    """Return a text in composed Unicode (NFC), as file systems write names in either form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def path_filter(glob: str, *, negated: bool = False) -> TextFilter:
    """Return the filter for the paths that a glob means.

    ``*`` and ``?`` stand for any characters and any one character within a name, ``[ab]`` for one
    of some, ``**`` for any folders. A glob without ``/`` is held against every folder's and the
    file's name, another one against the whole path or the path of a folder that it lies in; a
    ``/`` at its beginning may stand for the top of an absolute path.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """
    glob = normal(glob.rstrip("/") or glob)
    is_name = "/" not in glob
    from_top = glob.startswith("/")
    # Ids may be in another normal form than the glob, so that only ASCII is sure.
    fixed = "" if is_name or from_top else _NOT_ASCII.split(fixed_beginning(glob), maxsplit=1)[0]
    prefix = fixed.rstrip("/")
    return TextFilter(PATH, path_pattern(glob), prefix, negated)


def text_filter(field: str, glob: str, *, negated: bool = False) -> TextFilter:
    """Return the filter for texts that a glob matches as a whole, whatever the case.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """
    return TextFilter(field, Name(normal(glob), fold=str.casefold), negated=negated)
