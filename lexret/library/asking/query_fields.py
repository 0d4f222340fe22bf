"""What names of filters mean for pictures."""

from __future__ import annotations

from typing import Final

from lexret.engine.query.filters import DateFields, FieldAliases

DATE: Final = "date"
MTIME: Final = "mtime_ns"
TAKEN: Final = "taken_s"
DATE_FROM: Final = "_date_from"
KEYWORDS: Final = "_keywords"
VOUCHED: Final = "_vouched"
"""Words that keywords put into a photo's vector; see :mod:`lexret.library.updating.vouched`."""
KEYWORDS_AS_WORDS: Final = "keywords-as-words"
"""The option of an index whose photos hold the words that are their keywords."""
PICTURE_FIELDS: Final = FieldAliases(
    dates={DATE: DateFields(by_clock=TAKEN, by_system=MTIME)},
    sizes=frozenset({"size"}),
    # No field that people give can have such a name, which begins with no letter.
    columns={"keyword": KEYWORDS, "date_from": DATE_FROM},
    lists=frozenset({KEYWORDS}),
    hint="Run `lexret index DIR` once more where the index is older than the field.",
    given_hint="`lexret label apply` writes a label's field, `lexret fields set` one of yours.",
)
"""For :func:`~lexret.engine.query.binding.bind_query`: a picture's date is when it was taken, by
the camera's clock, or where that is not known, when its file was last changed."""
