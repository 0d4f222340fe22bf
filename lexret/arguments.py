"""Arguments: what callers hand over where several things are expected, held before it is used.

A text is a sequence of letters to Python: ``encode("a dog")`` would give five vectors, of five
letters, and no type check sees it. So what is expected to be a list is held here first.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from typing import Final

from lexret.errors import InputError

_SHOWN: Final = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


def require_several(given: object, what: str, *, of: tuple[type, ...] | None = None) -> None:
    """Raise InputError where one thing is given and a list of such things is expected.

    Args:
        given: what must not be a text, a path, a table or anything else that is no list.
        what: what is expected to be in the list, such as "texts".
        of: types of the things that may be in it, where others are to be refused too; then the
            list must be a sequence, which can be gone through twice.
    """
    single = isinstance(given, str | bytes | os.PathLike | Mapping)
    if single or not hasattr(given, "__iter__"):
        shown = _SHOWN.repr(given)
        raise InputError(f"Expected a list of {what}; found {shown} alone: write [{shown}].")
    if of is None:
        return
    for place, item in enumerate(given):
        if not isinstance(item, of):
            raise InputError(
                f"Expected a list of {what}; found {_SHOWN.repr(item)} at place {place}."
            )


def require_text(given: object, what: str, *, hint: str = "") -> None:
    """Raise InputError where something else than one text is given.

    Args:
        what: what is expected, such as "a query".
        hint: what to do about it.
    """
    if not isinstance(given, str):
        raise InputError(
            f"Expected {what}, one text; found {_SHOWN.repr(given)}.{hint and f' {hint}'}"
        )
