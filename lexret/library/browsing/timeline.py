"""Timeline of a library: all pictures, the latest first.

A picture's date is when it was taken, by the camera's clock, or where that is not known, when its
file was last changed, by the clock of this machine; as ``date:`` of the query language has it.

Shapes: N pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.segments.segment import Segment
from lexret.engine.shared_text import find_documents
from lexret.engine.store.columns import FieldValue, decode_text, encode_text
from lexret.library.asking.query_fields import MTIME, TAKEN
from lexret.library.browsing.one_of_each import one_of_each

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class DatedPicture:
    """A picture of a timeline.

    Attributes:
        doc_id: its id.
        date: to the second, in ISO 8601, by the camera's clock or that of this machine.
        by_file: the date is that of the file's last change.
        num_copies: how many other files of the same bytes it stands for.
    """

    doc_id: str
    date: str
    by_file: bool
    num_copies: int = 0


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a timeline.

    Attributes:
        month: such as ``2024-06``.
        num_pictures: how many pictures are of it.
        num_by_file: how many of them are dated only by their file's last change.
    """

    month: str
    num_pictures: int
    num_by_file: int


class Timeline:
    """All pictures of one commit of an index, the latest first.

    Args:
        copies: whether it lists each copy of a file; else only the one that a search shows, see
            :mod:`lexret.library.asking.copies`.

    Attributes:
        widths_N: of the upright pictures, in pixels; 0 where it is not known.
        heights_N: likewise.
    """

    def __init__(self, index: EmbeddedIndex, *, copies: bool = True) -> None:
        self._segments = index.segments
        parts = [_dated(segment) for segment in index.segments]
        numbers = [np.full(len(part[0]), number) for number, part in enumerate(parts)]
        if not parts:
            parts, numbers = [_nothing()], [np.empty(0, np.int64)]
        places_N, seconds_N, by_file_N, widths_N, heights_N = (
            np.concatenate(columns) for columns in zip(*parts, strict=True)
        )
        numbers_N: Numbers = np.concatenate(numbers)
        num_copies_N = np.zeros(len(seconds_N), np.int64)
        order_N = np.argsort(-seconds_N, kind="stable")
        if not copies:
            shown_N = one_of_each(index, numbers_N, places_N, num_copies_N)
            order_N = order_N[shown_N[order_N]]
        order_N = _by_id(order_N, seconds_N, numbers_N, places_N, index.segments)
        self._num_copies_N: Numbers = num_copies_N[order_N]
        self._numbers_N: Numbers = numbers_N[order_N]
        self._places_N: Numbers = places_N[order_N]
        self._seconds_N: Numbers = seconds_N[order_N]
        self._by_file_N: Flags = by_file_N[order_N].astype(bool)
        self.widths_N: Numbers = widths_N[order_N]
        self.heights_N: Numbers = heights_N[order_N]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._places_N)

    def months(self) -> list[Month]:
        """Return the months that have pictures, the latest first."""
        months_N = self._seconds_N.astype("datetime64[s]").astype("datetime64[M]")
        if not len(self):
            return []
        begins = np.flatnonzero(np.r_[True, months_N[1:] != months_N[:-1]]).tolist()
        ends = [*begins[1:], len(self)]
        return [
            Month(str(months_N[begin]), end - begin, int(self._by_file_N[begin:end].sum()))
            for begin, end in zip(begins, ends, strict=True)
        ]

    def pictures(self, start: int, count: int) -> Iterator[DatedPicture]:
        """Yield some pictures, beginning with number ``start``."""
        for place in range(start, min(start + count, len(self))):
            segment = self._segments[int(self._numbers_N[place])]
            yield DatedPicture(
                decode_text(segment.id_at(int(self._places_N[place]))),
                str(self._seconds_N[place].astype("datetime64[s]")),
                bool(self._by_file_N[place]),
                int(self._num_copies_N[place]),
            )

    def place_of(self, doc_id: str) -> int | None:
        """Return the number of a picture, ``None`` where it does not stand in the timeline."""
        name = encode_text(doc_id, what="Document id")
        for number, segment in enumerate(self._segments):
            (document,) = segment.find([name])
            found = np.flatnonzero((self._numbers_N == number) & (self._places_N == document))
            if len(found):  # else deleted there, or not held at all: then its number is -1
                return int(found[0])
        return None


def _by_id(
    order_N: Numbers,
    seconds_N: Numbers,
    numbers_N: Numbers,
    places_N: Numbers,
    segments: Sequence[Segment],
) -> Numbers:
    """Put pictures of the same second in the order of their ids, whichever segments hold them."""
    seconds, held_by = seconds_N[order_N], numbers_N[order_N]
    is_new_N = np.r_[True, seconds[1:] != seconds[:-1]][: len(seconds)]
    begins = np.flatnonzero(is_new_N)
    # Within a segment they are in that order already.
    mixed = (
        np.flatnonzero(~is_new_N[1:] & (held_by[1:] != held_by[:-1])) if len(seconds) else begins
    )
    for run in np.unique(np.searchsorted(begins, mixed, side="right") - 1).tolist():
        end = int(begins[run + 1]) if run + 1 < len(begins) else len(order_N)
        alike = order_N[int(begins[run]) : end]
        ids = np.empty(len(alike), object)
        for number in np.unique(numbers_N[alike]).tolist():
            here = numbers_N[alike] == number
            ids[here] = segments[number].ids_at(places_N[alike[here]].tolist())
        order_N[int(begins[run]) : end] = alike[np.argsort(ids, kind="stable")]
    return order_N


def _nothing() -> tuple[Numbers, Numbers, Flags, Numbers, Numbers]:
    none = np.empty(0, np.int64)
    return none, none, none.astype(bool), none, none


def _dated(segment: Segment) -> tuple[Numbers, Numbers, Flags, Numbers, Numbers]:
    """Return places of live pictures, seconds, whether of the file, widths and heights."""
    places = np.arange(len(segment))
    live = places if segment.deleted is None else places[~segment.deleted]
    taken_N, has_taken_N = _column(segment, TAKEN)
    changed_N, _ = _column(segment, MTIME)
    by_clock_N = _local_seconds(changed_N // 1_000_000_000)
    seconds_N = np.where(has_taken_N, taken_N, by_clock_N)
    widths_N, heights_N = _column(segment, "width")[0], _column(segment, "height")[0]
    return live, seconds_N[live], ~has_taken_N[live], widths_N[live], heights_N[live]


def _column(segment: Segment, name: str) -> tuple[Numbers, Flags]:
    found = segment.numbers(name)
    if found is None:
        return np.zeros(len(segment), np.int64), np.zeros(len(segment), bool)
    values, present = found
    return np.where(present, values, 0).astype(np.int64), np.asarray(present, bool)


def _local_seconds(seconds_N: Numbers) -> Numbers:
    """Return what the clock of this machine showed, in seconds since its 1970-01-01 00:00."""
    days, which_N = np.unique(seconds_N // _DAY_S, return_inverse=True)
    offsets = np.array([_offset(int(day) * _DAY_S) for day in days], np.int64)
    return seconds_N + offsets[which_N] if len(days) else seconds_N


def _offset(seconds: int) -> int:
    try:
        shown = datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, OSError, ValueError):  # no year of a calendar
        return 0
    offset = shown.utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def sizes_of(
    index: EmbeddedIndex, doc_ids: Sequence[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Return width and height of some pictures, upright and in pixels; None is not known."""
    found = {document.doc_id: document for document in find_documents(index, doc_ids)}
    return {
        doc_id: (_whole(found[doc_id].value("width")), _whole(found[doc_id].value("height")))
        for doc_id in doc_ids
    }


def _whole(value: FieldValue) -> int | None:
    return value if isinstance(value, int) else None
