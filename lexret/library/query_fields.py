"""What names of filters mean for pictures."""

from __future__ import annotations

from typing import Final

from lexret.engine.query.filters import DateFields, FieldAliases

MTIME: Final = "mtime_ns"
TAKEN: Final = "taken_s"
PICTURE_FIELDS: Final = FieldAliases(
    dates={"date": DateFields(by_clock=TAKEN, by_system=MTIME)},
    sizes=frozenset({"size"}),
    hint="Run `lexret index DIR` once more where the index is older than the field.",
)
"""For :func:`~lexret.engine.query.binding.bind_query`: a picture's date is when it was taken, by
the camera's clock, or where that is not known, when its file was last changed."""
