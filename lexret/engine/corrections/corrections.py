"""Corrections of an index: words that people add to documents, remove from them, or mute.

Corrections are stored next to an index, in ``corrections.json`` and a copy of it, and are applied
when it is searched. No vector is computed again and no posting changes, so undoing a correction
restores what was there before. Corrections name documents by id and words by text; they survive
commits, and an index that is made again with other vectors.

A commit that gives documents other ids brings their corrections along:
:mod:`lexret.engine.corrections.pending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from lexret.engine.corrections.layout import CORRECTIONS_FILE, CORRECTIONS_LOCK_FILE, PENDING_FILE
from lexret.engine.corrections.pending import (
    pending_of_last_commit,
    settle_locked,
    write_pending,
)
from lexret.engine.segments.manifest import Manifest
from lexret.errors import CorruptError, DamageError, InputError, StorageError
from lexret.files.locks import locked
from lexret.files.sealed import copy_of, is_copied, replace_with_copy, seal, unseal

MAX_WEIGHT: Final = 1000.0
_FORMAT: Final = "lexret-corrections"
_VERSION: Final = 2
_READABLE: Final = (1, 2)
_FIRST_SEALED: Final = 2


@dataclass(frozen=True)
class DocumentCorrection:
    """Corrections of one document.

    Attributes:
        added: word -> the weight that it has from now on, above 0, in single precision.
        removed: words that the document no longer holds.
        sha256: hash of what the document was made from, if known; it lets corrections follow
            content that has got another id.
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

    def plus(self, word: str, weight: float) -> DocumentCorrection:
        """Return these corrections with a word added; if it was removed, it no longer is."""
        return replace(self, added={**self.added, word: weight}, removed=self.removed - {word})

    def minus(self, word: str) -> DocumentCorrection:
        """Return these corrections with a word removed; if it was added, it no longer is."""
        return replace(self, added=_except(self.added, word), removed=self.removed | {word})

    def without(self, word: str) -> DocumentCorrection:
        """Return these corrections without a word: its stored weight counts again."""
        return replace(self, added=_except(self.added, word), removed=self.removed - {word})


@dataclass(frozen=True)
class Corrections:
    """All corrections of an index; falsy if there are none.

    Attributes:
        documents: id -> the corrections of that document.
        muted: words that count nowhere: no document holds them.
    """

    documents: Mapping[str, DocumentCorrection] = field(default_factory=dict)
    muted: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.documents or self.muted)

    def of(self, doc_id: str) -> DocumentCorrection:
        """Return the corrections of a document, which for most are empty."""
        return self.documents.get(doc_id, DocumentCorrection())

    def with_document(self, doc_id: str, correction: DocumentCorrection) -> Corrections:
        """Return these corrections with those of one document replaced."""
        others = {other: kept for other, kept in self.documents.items() if other != doc_id}
        documents = {**others, doc_id: correction} if correction else others
        return replace(self, documents=documents)

    def with_muted(self, muted: frozenset[str]) -> Corrections:
        """Return these corrections with other words muted."""
        return replace(self, muted=muted)


NO_CORRECTIONS: Final = Corrections()


def _except(added: Mapping[str, float], word: str) -> dict[str, float]:
    return {other: weight for other, weight in added.items() if other != word}


ChangeOfCorrections = Callable[[Corrections], Corrections]
"""Function that changes corrections: takes those of an index and returns the new ones."""


def load_corrections(index_path: Path) -> Corrections:
    """Read the corrections of the index at ``index_path``; there are none without a file.

    Raises:
        DamageError: if the file is damaged, or missing while its copy is there.
        CorruptError: if it is of an unknown version.
    """
    pending = pending_of_last_commit(index_path)
    if pending is not None:
        return parse_corrections(pending, index_path / PENDING_FILE)
    path = index_path / CORRECTIONS_FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if copy_of(path).is_file():
            raise DamageError(
                path,
                f"it is missing, but {copy_of(path).name} is there (to do without all corrections, "
                "remove that too)",
            ) from error
        return NO_CORRECTIONS
    except OSError as error:
        raise DamageError(path, f"it cannot be read ({error.strerror})") from error
    return parse_corrections(data, path)


def parse_corrections(data: bytes, path: Path) -> Corrections:
    """Parse the bytes of a file of corrections.

    Raises:
        DamageError: if they are damaged.
        CorruptError: if they are of an unknown version.
    """
    try:
        plain, is_sealed = unseal(data)
        found = (plain["format"], plain["version"])
        if found[0] != _FORMAT or found[1] not in _READABLE:
            raise CorruptError(
                f"{path} is {found}; expected {(_FORMAT, _VERSION)}. Use the lexret that wrote it, "
                "or remove it to do without its corrections."
            )
        if found[1] >= _FIRST_SEALED and not is_sealed:
            raise DamageError(path, "it does not end with its checksum")
        return _parse(plain)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, CorruptError):
            raise
        raise DamageError(path, str(error) or repr(error)) from error


def _parse(plain: dict[str, Any]) -> Corrections:
    documents = {doc_id: parse_document(stored) for doc_id, stored in plain["pictures"].items()}
    return Corrections(documents, frozenset(map(_word, plain["muted"])))


def parse_document(stored: dict[str, Any]) -> DocumentCorrection:
    """Parse the corrections of one document.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: if they are not such.
    """
    return DocumentCorrection(
        {_word(word): float(weight) for word, weight in stored["added"].items()},
        frozenset(map(_word, stored["removed"])),
        None if stored.get("sha256") is None else _word(stored["sha256"]),
    )


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a word")
    return value


def check_pending(index_path: Path) -> None:
    """Raise DamageError if there are pending corrections, and they are damaged."""
    pending = pending_of_last_commit(index_path)
    if pending is not None:
        parse_corrections(pending, index_path / PENDING_FILE)


def settle_corrections(index_path: Path) -> None:
    """Finish what a crash interrupted: adopt corrections of the last commit, remove others.

    The copy of the corrections is brought up to date, too.

    Raises:
        DamageError: if the pending file is damaged.
        OSError: if the folder cannot be written.
    """
    path = index_path / CORRECTIONS_FILE
    if (index_path / PENDING_FILE).exists() or not is_copied(path):
        with locked(index_path / CORRECTIONS_LOCK_FILE):
            settle_locked(index_path)
            if not is_copied(path) and _is_whole(path):
                replace_with_copy(path, path.read_bytes())


def _is_whole(path: Path) -> bool:
    try:
        parse_corrections(path.read_bytes(), path)
    except (OSError, CorruptError):
        return False
    return True


@contextmanager
def corrections_of_commit(
    index_path: Path, manifest: Manifest, change: ChangeOfCorrections
) -> Iterator[None]:
    """Context in which saving a manifest changes the corrections in the same moment.

    Args:
        manifest: of the commit.
        change: is given the current corrections and returns those that the commit has.

    Raises:
        DamageError: if the existing file is damaged.
        OSError: if writing fails.
    """
    with locked(index_path / CORRECTIONS_LOCK_FILE):
        settle_locked(index_path)
        before = load_corrections(index_path)
        changed = change(before)
        if changed == before:
            yield
            return
        try:
            write_pending(index_path, _as_plain(changed), manifest)
            yield
        finally:
            settle_locked(index_path)


def change_corrections(index_path: Path, change: ChangeOfCorrections) -> Corrections:
    """Change the corrections of an index; several processes may do so at a time.

    Args:
        change: is given the current corrections and returns the new ones.

    Raises:
        DamageError: if the existing file is damaged.
        StorageError: if it cannot be written.
    """
    try:
        with locked(index_path / CORRECTIONS_LOCK_FILE):
            settle_locked(index_path)
            changed = change(load_corrections(index_path))
            write_corrections(index_path, changed)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"The corrections of the index at {index_path} cannot be written: {error}."
        ) from error
    return changed


def write_corrections(index_path: Path, corrections: Corrections) -> None:
    """Replace the corrections of an index, and their copy; raises OSError.

    For those who hold the lock; others call :func:`change_corrections`.
    """
    data = seal(_as_plain(corrections), ascii_only=False)
    replace_with_copy(index_path / CORRECTIONS_FILE, data)


def _as_plain(corrections: Corrections) -> dict[str, object]:
    # The format says "pictures"; every index that was corrected has such a file.
    documents = {
        doc_id: {
            "added": dict(sorted(correction.added.items())),
            "removed": sorted(correction.removed),
        }
        | ({} if correction.sha256 is None else {"sha256": correction.sha256})
        for doc_id, correction in sorted(corrections.documents.items())
    }
    return {"format": _FORMAT, "version": _VERSION, "muted": sorted(corrections.muted),
            "pictures": documents}  # fmt: skip
