"""Conditions on the fields of documents; :mod:`lexret.engine.query.filter_values` reads them from
text.

A document that lacks a field does not meet a condition on it; it meets the negated one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from lexret.engine.store.columns import FieldValue

PATH: Final = "path"
MTIME: Final = "mtime_ns"
TAKEN: Final = "taken_s"
DATE_FROM: Final = "_date_from"
KEYWORDS: Final = "_keywords"
# Names in queries of columns that no field of people can have the name of.
NAMES_OF_COLUMNS: Final = {"keyword": KEYWORDS, "date_from": DATE_FROM}
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
        pattern: matches the whole text in composed Unicode.
        prefix: what every text begins with that fits; in ASCII, which has one normal form.
    """

    field: str
    pattern: re.Pattern[str]
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
        return self.pattern.fullmatch(normal(text)) is not None


@dataclass(frozen=True, slots=True)
class KeywordFilter:
    """A keyword that fits a pattern, among those that people gave a picture, one a line.

    Attributes:
        keyword: the condition on one of them.
    """

    keyword: TextFilter

    @property
    def negated(self) -> bool:
        """Whether the pictures without such a keyword are wanted."""
        return self.keyword.negated

    def meets(self, doc_id: str, fields: Fields) -> bool:
        """Tell whether one of the document's keywords fits the pattern."""
        value = fields(self.keyword.field)
        words = value.split("\n") if isinstance(value, str) else ()
        return any(self.keyword.fits(word) for word in words)


def normal(text: str) -> str:
    """Return a text in composed Unicode (NFC), as file systems write names in either form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def path_filter(glob: str, *, negated: bool = False) -> TextFilter:
    """Return the filter for the paths that a glob means.

    ``*`` and ``?`` stand for any characters and any one character within a name, ``[ab]`` for one
    of some, ``**`` for any folders. A glob without ``/`` is held against every folder's and the
    file's name, another one against the whole path or the path of a folder that it lies in; a
    ``/`` at its beginning may stand for the top of an absolute path.
    """
    below = "(?:/.*)?"
    glob = normal(glob.rstrip("/") or glob)
    if "/" not in glob:
        name = re.compile(f"(?:.*/)?{_translate(glob, separator='/')}{below}", re.DOTALL)
        return TextFilter(PATH, name, negated=negated)
    from_top, glob = glob.startswith("/"), glob.removeprefix("/")
    parts = glob.split("/")
    pattern = "/?" if from_top else ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            pattern += ".*" if last else "(?:.*/)?"
        else:
            pattern += _translate(part, separator="/") + ("" if last else "/")
    prefix = "" if from_top else re.split(r"[*?[]|[^\0-\x7f]", glob, maxsplit=1)[0].rstrip("/")
    return TextFilter(PATH, re.compile(pattern + below, re.DOTALL), prefix, negated)


def text_filter(field: str, glob: str, *, negated: bool = False) -> TextFilter:
    """Return the filter for texts that a glob matches as a whole, whatever the case."""
    pattern = re.compile(_translate(normal(glob), separator=None), re.DOTALL | re.IGNORECASE)
    return TextFilter(field, pattern, negated=negated)


def _translate(glob: str, *, separator: str | None) -> str:
    """Turn wildcards into a regular expression; none of them stands for the separator."""
    no_separator = "" if separator is None else f"(?!{re.escape(separator)})"
    pattern, at = "", 0
    while at < len(glob):
        closes = glob.find("]", at + 2) if glob[at] == "[" else -1
        if glob[at] == "*":
            pattern += f"(?:{no_separator}.)*"
            at = len(glob) - len(glob[at:].lstrip("*"))
        elif glob[at] == "?":
            pattern += f"{no_separator}."
            at += 1
        elif closes > 0:
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", glob[at + 1 : closes])
            if inside.startswith("!"):
                inside = f"^{inside[1:]}"
            pattern += f"{no_separator}[{inside}]"
            at = closes + 1
        else:
            pattern += re.escape(glob[at])
            at += 1
    return pattern
