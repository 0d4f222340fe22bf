"""What is to be told about the places that a query filters by."""

from __future__ import annotations

from typing import Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.syntax import FieldFilter, ParsedQuery
from lexret.library.asking.query_fields import PLACE

_MOST: Final = 4
_WILD: Final = frozenset("*?[")


def notes_on_places(parsed: ParsedQuery, index: EmbeddedIndex) -> tuple[str, ...]:
    """Say which towns a name means where it means several, and what is near where it means none."""
    nodes = [item.node for item in parsed.items]
    names = [node.value for node in nodes if isinstance(node, FieldFilter) and node.name == PLACE]
    if not names or PLACE in index.columns:
        return ()
    notes = [note for name in dict.fromkeys(names) if (note := _note(name, index))]
    return tuple(notes)


def _note(name: str, index: EmbeddedIndex) -> str | None:
    from lexret.library.places import counted_towns, found_by, meant_by, near_names

    counted = counted_towns(index)
    meant = meant_by(counted, name)
    if len(meant) > 1 and not _WILD.intersection(name):
        told = "; ".join(f"{one.town} ({one.num_pictures:,})" for one in meant[:_MOST])
        more = f"; and {len(meant) - _MOST:,} more" if len(meant) > _MOST else ""
        return f"place:{name} is {told}{more}"
    if meant or found_by(index, name):
        return None
    near = near_names(counted, name)
    nearest = f" (nearest: {', '.join(near)})" if near else ""
    return f"no picture tells that it was taken in {name!r}{nearest}"
