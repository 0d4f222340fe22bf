"""Conditions on the fields of documents; :mod:`lexret.engine.query.filter_values` reads them from
text.

A document that lacks a field does not meet a condition on it; it meets the negated one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from lexret.engine.query.globs import Name, Pattern, fixed_beginning, path_pattern
from lexret.engine.store.columns import FieldValue

PATH: Final = "path"
MTIME: Final = "mtime_ns"
TAKEN: Final = "taken_s"
INT64: Final = (-(2**63), 2**63 - 1)
_NANO: Final = 1_000_000_000

Fields = Callable[[str], FieldValue]


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
class DateFilter:
    """When a picture was taken, or where that is not known, when its file was last changed.

    The camera's clock is taken as it is; times of files are read in this machine's time zone.

    Attributes:
        first: the earliest moment that is wanted, without time zone; ``None`` is no bound.
        end: the earliest moment after it that is not.
    """

    first: datetime | None
    end: datetime | None
    negated: bool = False

    def taken_bounds(self) -> tuple[int, int]:
        """Return the bounds of ``taken_s``: the lowest number wanted and the highest."""
        low = INT64[0] if self.first is None else int(self.first.replace(tzinfo=UTC).timestamp())
        high = INT64[1] if self.end is None else int(self.end.replace(tzinfo=UTC).timestamp()) - 1
        return low, high

    def changed_bounds(self) -> tuple[int, int]:
        """Return the bounds of ``mtime_ns``: the lowest number wanted and the highest."""
        low = INT64[0] if self.first is None else int(self.first.timestamp()) * _NANO
        high = INT64[1] if self.end is None else int(self.end.timestamp()) * _NANO - 1
        return max(low, INT64[0]), min(high, INT64[1])

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether the document's date lies within the bounds."""
        taken, changed = fields(TAKEN), fields(MTIME)
        if isinstance(taken, int):
            low, high = self.taken_bounds()
            return low <= taken <= high
        low, high = self.changed_bounds()
        return isinstance(changed, int) and low <= changed <= high


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
        return isinstance(value, str) and self.pattern.fits(value)


def path_filter(glob: str, *, negated: bool = False) -> TextFilter:
    """Return the filter for the paths that a glob means.

    ``*`` and ``?`` stand for any characters and any one character within a name, ``[ab]`` for one
    of some, ``**`` for any folders. A glob without ``/`` is held against every folder's and the
    file's name, another one against the whole path or the path of a folder that it lies in; a
    ``/`` at its beginning may stand for the top of an absolute path.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """
    glob = glob.rstrip("/") or glob
    is_name = "/" not in glob
    from_top = glob.startswith("/")
    prefix = "" if is_name or from_top else fixed_beginning(glob).rstrip("/")
    return TextFilter(PATH, path_pattern(glob), prefix, negated)


def text_filter(field: str, glob: str, *, negated: bool = False) -> TextFilter:
    """Return the filter for texts that a glob matches as a whole, whatever the case.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """
    return TextFilter(field, Name(glob, fold=str.casefold), negated=negated)
