"""What is to be told about the dates that a query filters by."""

from __future__ import annotations

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.syntax import FieldFilter, ParsedQuery
from lexret.engine.segments.segment import Segment
from lexret.library.asking.query_fields import DATE, TAKEN


def notes_on_dates(parsed: ParsedQuery, index: EmbeddedIndex) -> tuple[str, ...]:
    """Say of how many pictures ``date:`` asks when their file was last changed, if it is asked."""
    nodes = [item.node for item in parsed.items]
    if not any(isinstance(node, FieldFilter) and node.name == DATE for node in nodes):
        return ()
    num_undated = sum(map(_num_undated, index.segments))
    if not num_undated:
        return ()
    note = (
        f"{num_undated:,} of {len(index):,} pictures tell no date: for them date: goes by the "
        "last change of the file"
    )
    has_dates = num_undated < len(index)
    return (f"{note} (date_from:* leaves them out)" if has_dates else note,)


def _num_undated(segment: Segment) -> int:
    taken = segment.numbers(TAKEN)
    live = ~segment.deleted if segment.deleted is not None else None
    if taken is None:
        return len(segment) if live is None else int(live.sum())
    undated = ~taken[1] if live is None else ~taken[1] & live
    return int(undated.sum())
