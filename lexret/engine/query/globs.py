"""Wildcard patterns, matched in a number of steps that a pattern and a text bound together.

A pattern is cut at its stars into runs of characters. The first run must stand at the beginning
of a text, the last one at its end, and each one between is taken where it is found first: no
later place can be better, so nothing is ever tried again. A run is compared at no more places
than the text has characters. The same holds for the folders of a path and ``**``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lexret.errors import InputError

_SEPARATOR: Final = "/"
_ANY_FOLDERS: Final = "**"
_WILD: Final = frozenset("*?[")


class Pattern(Protocol):
    """What a text may fit."""

    def fits(self, text: str) -> bool:
        """Tell whether the whole text fits."""
        ...


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """One character of some: those of ``[a-z_]``, or all others for ``[!a-z_]``."""

    characters: frozenset[str]
    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = False

    def holds(self, character: str) -> bool:
        """Tell whether a character is one of them."""
        inside = character in self.characters or any(
            low <= character <= high for low, high in self.ranges
        )
        return inside != self.negated


ANY_CHARACTER: Final = CharacterSet(frozenset(), negated=True)


class Run:
    """The characters between two stars: a text, or single characters and sets where it is wild."""

    def __init__(self, parts: Sequence[str | CharacterSet]) -> None:
        self._parts = tuple(parts)
        self._text = "".join(parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def text(self) -> str | None:
        """The run as a text; ``None`` where it holds a ``?`` or a set."""
        return self._text

    def stands_at(self, text: str, place: int) -> bool:
        """Tell whether the run stands at a place of a text."""
        if self._text is not None:
            return text.startswith(self._text, place)
        end = place + len(self._parts)
        return end <= len(text) and all(map(_is, self._parts, text[place:end]))

    def find(self, text: str, start: int, end: int) -> int:
        """Return where the run stands first in ``text[start:end]``, -1 if nowhere."""
        if self._text is not None:
            return text.find(self._text, start, end)
        places = range(start, end - len(self._parts) + 1)
        return next((place for place in places if self.stands_at(text, place)), -1)


def _is(part: str | CharacterSet, character: str) -> bool:
    return part == character if isinstance(part, str) else part.holds(character)


class Name:
    """A pattern of a text without folders: ``*`` and ``?`` stand for any characters.

    Args:
        glob: the pattern.
        fold: applied to pattern and texts first, for comparisons whatever the case.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """

    def __init__(self, glob: str, *, fold: Callable[[str], str] | None = None) -> None:
        self._fold = fold
        self._first, *self._rest = (Run(parts) for parts in _runs(glob, fold))
        self._least = len(self._first) + sum(map(len, self._rest))

    def fits(self, text: str) -> bool:
        """Tell whether the whole text fits."""
        text = text if self._fold is None else self._fold(text)
        if len(text) < self._least or not self._first.stands_at(text, 0):
            return False
        place = len(self._first)
        if not self._rest:
            return place == len(text)
        *between, last = self._rest
        end = len(text) - len(last)
        for run in between:
            found = run.find(text, place, end)
            if found < 0:
                return False
            place = found + len(run)
        return place <= end and last.stands_at(text, end)


@dataclass(frozen=True, slots=True)
class Path:
    """A pattern of a path: of its folders and its name, and of whatever lies below them.

    Attributes:
        pieces: names that follow each other; between two pieces lie any folders.
        anywhere: the first piece may lie in any folder.
        below: something must lie below the last name.
        from_top: a ``/`` before the path may stand for the top.
    """

    pieces: tuple[tuple[Pattern, ...], ...]
    anywhere: bool = False
    below: bool = False
    from_top: bool = False

    def fits(self, text: str) -> bool:
        """Tell whether the path, or a folder that it lies in, fits."""
        if self._fit(text.split(_SEPARATOR)):
            return True
        return self.from_top and text.startswith(_SEPARATOR) and self._fit(
            text[1:].split(_SEPARATOR)
        )  # fmt: skip

    def _fit(self, names: Sequence[str]) -> bool:
        place = 0
        for number, piece in enumerate(self.pieces):
            last = len(names) - len(piece)
            starts = range(place, last + 1) if number or self.anywhere else range(min(last + 1, 1))
            found = next((at for at in starts if _follow(piece, names, at)), None)
            if found is None:
                return False
            place = found + len(piece)
        return place < len(names) if self.below else True


def _follow(piece: Sequence[Pattern], names: Sequence[str], place: int) -> bool:
    met = names[place : place + len(piece)]
    return all(pattern.fits(name) for pattern, name in zip(piece, met, strict=True))


def path_pattern(glob: str) -> Path:
    """Return what a glob means for paths; see :func:`lexret.engine.query.filters.path_filter`.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """
    glob = glob.rstrip(_SEPARATOR) or glob
    if _SEPARATOR not in glob:
        return Path(((Name(glob),),), anywhere=True)
    from_top, glob = glob.startswith(_SEPARATOR), glob.removeprefix(_SEPARATOR)
    parts = glob.split(_SEPARATOR)
    anywhere, below = parts[0] == _ANY_FOLDERS, parts[-1] == _ANY_FOLDERS
    pieces: list[list[Pattern]] = [[]]
    for part in parts:
        if part == _ANY_FOLDERS:
            pieces.append([])
        else:
            pieces[-1].append(Name(part))
    return Path(tuple(tuple(piece) for piece in pieces if piece), anywhere, below, from_top)


def fixed_beginning(glob: str) -> str:
    """Return what stands before the first wildcard of a glob."""
    place = next((place for place, sign in enumerate(glob) if sign in _WILD), len(glob))
    return glob[:place]


def _runs(glob: str, fold: Callable[[str], str] | None) -> list[list[str | CharacterSet]]:
    """Cut a glob at its stars; a ``[`` that is never closed is a character."""
    runs: list[list[str | CharacterSet]] = [[]]
    place = 0
    while place < len(glob):
        sign = glob[place]
        closes = glob.find("]", place + 2 + glob.startswith("[!", place)) if sign == "[" else -1
        if sign == "*":
            if runs[-1] or len(runs) == 1:  # more stars on end say no more than the first
                runs.append([])
        elif sign == "?":
            runs[-1].append(ANY_CHARACTER)
        elif closes > 0:
            runs[-1].append(_character_set(glob[place + 1 : closes], fold))
            place = closes
        else:
            runs[-1] += sign if fold is None else fold(sign)
        place += 1
    return runs


def _character_set(inside: str, fold: Callable[[str], str] | None) -> CharacterSet:
    """Read what stands between the brackets of ``[...]``."""
    negated, inside = inside.startswith("!"), inside.removeprefix("!")
    characters: set[str] = set()
    ranges: list[tuple[str, str]] = []
    place = 0
    while place < len(inside):
        if inside[place + 1 : place + 2] == "-" and place + 2 < len(inside):
            low, high = inside[place], inside[place + 2]
            if low > high:
                raise InputError(f"the range {low}-{high} runs backwards")
            ranges += [(low, high)] if fold is None else [(low, high), (fold(low), fold(high))]
            place += 3
        else:
            characters |= {inside[place]} if fold is None else set(fold(inside[place]))
            place += 1
    return CharacterSet(frozenset(characters), tuple(ranges), negated)
