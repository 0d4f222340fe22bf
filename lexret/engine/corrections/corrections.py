"""What people say better than the model: words added to and taken from pictures, words muted.

Corrections lie beside an index, in ``corrections.json``, and are applied when it is searched;
nothing is encoded again and no posting changes, so that taking one back brings back what was.
They name pictures by id and words by text: they outlive `lexret index`, another model, `--rebuild`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from lexret.errors import CorruptError, InputError, StorageError
from lexret.files.locks import locked
from lexret.files.whole import replace_file

CORRECTIONS_FILE: Final = "corrections.json"
MAX_WEIGHT: Final = 1000.0
_LOCK_FILE: Final = "corrections.lock"
_FORMAT: Final = "lexret-corrections"
_VERSION: Final = 1


@dataclass(frozen=True)
class PictureCorrection:
    """What is different about one picture.

    Attributes:
        added: word -> the weight that it has from now on, above 0, in single precision.
        removed: words that it does not hold any more.
        sha256: of the picture's file when it was corrected, where that is known: by it the
            corrections follow a file that was moved.
    """

    added: Mapping[str, float] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    sha256: str | None = None

    def __post_init__(self) -> None:
        both = self.removed & set(self.added)
        if both:
            raise InputError(f"{sorted(both)[0]!r} cannot be both added and taken away.")
        for word, weight in self.added.items():
            if not 0 < weight <= MAX_WEIGHT:
                raise InputError(
                    f"The weight of {word!r} is {weight:g}; expected more than 0 and at most "
                    f"{MAX_WEIGHT:g}."
                )
        exact = {word: float(np.float32(weight)) for word, weight in self.added.items()}
        object.__setattr__(self, "added", MappingProxyType(exact))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def plus(self, word: str, weight: float) -> PictureCorrection:
        """Return it with a word added; that the word was taken away is forgotten."""
        return replace(self, added={**self.added, word: weight}, removed=self.removed - {word})

    def minus(self, word: str) -> PictureCorrection:
        """Return it with a word taken away; that the word was added is forgotten."""
        return replace(self, added=_but(self.added, word), removed=self.removed | {word})

    def without(self, word: str) -> PictureCorrection:
        """Return it with nothing said of a word: it is again what the model says."""
        return replace(self, added=_but(self.added, word), removed=self.removed - {word})


@dataclass(frozen=True)
class Corrections:
    """All that was corrected about an index; without any, it is falsy.

    Attributes:
        pictures: id -> what is different about that picture.
        muted: words that count nowhere: no picture holds them.
    """

    pictures: Mapping[str, PictureCorrection] = field(default_factory=dict)
    muted: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.pictures or self.muted)

    def of(self, doc_id: str) -> PictureCorrection:
        """Return what is different about a picture; nothing, for most."""
        return self.pictures.get(doc_id, PictureCorrection())

    def with_picture(self, doc_id: str, correction: PictureCorrection) -> Corrections:
        """Return them with those of one picture replaced."""
        others = {one: kept for one, kept in self.pictures.items() if one != doc_id}
        pictures = {**others, doc_id: correction} if correction else others
        return replace(self, pictures=pictures)

    def with_muted(self, muted: frozenset[str]) -> Corrections:
        """Return them with other words muted."""
        return replace(self, muted=muted)


NO_CORRECTIONS: Final = Corrections()


def _but(added: Mapping[str, float], word: str) -> dict[str, float]:
    return {one: weight for one, weight in added.items() if one != word}


def load_corrections(index_path: Path) -> Corrections:
    """Read what was corrected about the index at ``index_path``; nothing, where there is no file.

    Raises:
        CorruptError: if the file is damaged or of an unknown version.
    """
    path = index_path / CORRECTIONS_FILE
    try:
        plain = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return NO_CORRECTIONS
    except ValueError as error:
        raise CorruptError(f"{path} is damaged: {error}. {_REMEDY}") from error
    try:
        found = (plain["format"], plain["version"])
        if found != (_FORMAT, _VERSION):
            raise CorruptError(f"{path} is {found}; expected {(_FORMAT, _VERSION)}. {_REMEDY}")
        return _parse(plain)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, CorruptError):
            raise
        raise CorruptError(f"{path} is damaged: {error!r}. {_REMEDY}") from error


_REMEDY: Final = "Correct the file by hand, or remove it to do without its corrections."


def _parse(plain: dict[str, Any]) -> Corrections:
    pictures = {
        doc_id: PictureCorrection(
            {_word(word): float(weight) for word, weight in one["added"].items()},
            frozenset(map(_word, one["removed"])),
            None if one.get("sha256") is None else _word(one["sha256"]),
        )
        for doc_id, one in plain["pictures"].items()
    }
    return Corrections(pictures, frozenset(map(_word, plain["muted"])))


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no word")
    return value


def change_corrections(
    index_path: Path, change: Callable[[Corrections], Corrections]
) -> Corrections:
    """Change what is corrected about an index, safely beside others who do so.

    Args:
        change: is given what holds now and returns what is to hold.

    Raises:
        CorruptError: if the file that is there is damaged.
        StorageError: if it cannot be written.
    """
    try:
        with locked(index_path / _LOCK_FILE):
            changed = change(load_corrections(index_path))
            text = json.dumps(_as_plain(changed), indent=1, ensure_ascii=False) + "\n"
            replace_file(index_path / CORRECTIONS_FILE, text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"The corrections of the index at {index_path} cannot be written: {error}."
        ) from error
    return changed


def _as_plain(corrections: Corrections) -> dict[str, object]:
    pictures = {
        doc_id: {"added": dict(sorted(one.added.items())), "removed": sorted(one.removed)}
        | ({} if one.sha256 is None else {"sha256": one.sha256})
        for doc_id, one in sorted(corrections.pictures.items())
    }
    return {"format": _FORMAT, "version": _VERSION, "muted": sorted(corrections.muted),
            "pictures": pictures}  # fmt: skip
