"""Advice for a file that is not there: what lies near it, or where it was looked for."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Final

_LOOKED_AT: Final = 20_000
_NAMED: Final = 3


def advice_for(path: Path) -> str:
    """Return a sentence on where a missing file may be; it may be empty.

    Names of the folder that are spelled alike are suggested, and for a folder that is not there
    either, which part of its path is there.
    """
    if path.exists():
        return ""  # it is something else than was expected
    folder = path.parent
    import difflib  # loads slowly, and is asked for only where something is missing

    if not folder.is_dir():
        there = next((above for above in folder.parents if above.is_dir()), None)
        if there is None or there == Path():
            return f"Its folder {folder} is not there either."
        return f"Its folder {folder} is not there either; {there} is."
    try:
        with os.scandir(folder) as entries:
            names = {entry.name.casefold(): entry.name for entry in islice(entries, _LOOKED_AT)}
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name.casefold(), names, n=_NAMED, cutoff=0.7)
    if near:
        return f"Did you mean {_one_of([str(folder / names[name]) for name in near])}?"
    if path.is_absolute():
        return f"No name in {folder} is similar."
    return f"A relative path begins at the current folder, {Path.cwd()}."


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
