"""What names of filters mean for pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lexret.engine.query.filters import DateFields, FieldAliases, PairFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from lexret.engine.query.filters import Flags
    from lexret.engine.store.checked import AnyArray

DATE: Final = "date"
MTIME: Final = "mtime_ns"
TAKEN: Final = "taken_s"
DATE_FROM: Final = "_date_from"
KEYWORDS: Final = "_keywords"
VOUCHED: Final = "_vouched"
"""Words that keywords put into a vector; see :mod:`lexret.library.updating.keywords_as_words`."""
KEYWORDS_AS_WORDS: Final = "keywords-as-words"
"""The option of an index whose photos hold the words that are their keywords."""
PLACE: Final = "place"


def _places_named(glob: str) -> Callable[[AnyArray, AnyArray], Flags]:
    from lexret.library.places import places_named  # names of places are loaded when asked for

    return places_named(glob)


PICTURE_FIELDS: Final = FieldAliases(
    dates={DATE: DateFields(by_clock=TAKEN, by_system=MTIME)},
    sizes=frozenset({"size"}),
    # No field that people give can have such a name, which begins with no letter.
    columns={"keyword": KEYWORDS, "date_from": DATE_FROM},
    lists=frozenset({KEYWORDS}),
    pairs={
        PLACE: PairFields(
            columns=("latitude", "longitude"),
            read=_places_named,
            missing="No picture of this index tells where it was taken, so there are no places.",
        )
    },
    hint="Run `lexret index DIR` once more where the index is older than the field.",
    given_hint="`lexret label apply` writes a label's field, `lexret fields set` one of yours.",
)
"""For :func:`~lexret.engine.query.binding.bind_query`: a picture's date is when it was taken, by
the camera's clock, or where that is not known, when its file was last changed."""
