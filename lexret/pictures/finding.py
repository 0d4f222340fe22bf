"""Finds the picture files beneath a folder, and counts what else lies there."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lexret.errors import InputError, MissingError
from lexret.pictures.exclusion import IGNORE_FILE, Exclusion, deciding, read_ignore_file
from lexret.pictures.formats import EXTENSIONS

# They belong to pictures and are no pictures that somebody could miss.
_BESIDE_PICTURES: Final = frozenset({".xmp"})
NO_ENDING: Final = "no ending"


@dataclass
class NotLookedAt:
    """What was found beneath a folder and is not looked at.

    Attributes:
        endings: of files that do not end like a picture, in lower case -> how many; files without
            one count as :data:`NO_ENDING`. Hidden files are not counted.
        excluded: pattern -> how many files and folders it left out.
    """

    endings: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)

    def add(self, other: NotLookedAt) -> None:
        """Count what another one counts as well."""
        self.endings += other.endings
        self.excluded += other.excluded


@dataclass(frozen=True)
class _Rules:
    """Patterns that hold beneath a folder, in the order in which they were given.

    Attributes:
        depth: how many folders lie above the folder, up to the root.
    """

    depth: int
    exclusions: Sequence[Exclusion]


@dataclass
class _Walk:
    """One walk through the folders beneath a root."""

    root: Path
    on_unreadable: Callable[[Path, OSError], None] | None
    counts: NotLookedAt
    resolved: Path
    linked: set[Path] = field(default_factory=set)

    def files(
        self, folder: Path, parts: tuple[str, ...], rules: tuple[_Rules, ...]
    ) -> Iterator[Path]:
        """Yield the pictures of a folder, ``parts`` below the root, and of those in it."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if self.on_unreadable is None:
                message = f"The folder {folder} cannot be listed: {error.strerror}."
                raise InputError(message) from error
            self.on_unreadable(folder, error)
            return
        if any(entry.name == IGNORE_FILE for entry in entries):
            rules = (*rules, _Rules(len(parts), read_ignore_file(folder / IGNORE_FILE)))
        for entry in entries:
            if not entry.name.startswith("."):
                yield from self._entry(folder, entry, (*parts, entry.name), rules)

    def _entry(
        self,
        folder: Path,
        entry: os.DirEntry[str],
        parts: tuple[str, ...],
        rules: tuple[_Rules, ...],
    ) -> Iterator[Path]:
        path, mode = folder / entry.name, _mode(entry)
        is_folder = stat.S_ISDIR(mode)
        if not is_folder and not stat.S_ISREG(mode):
            return
        pattern = _excluded_by(rules, parts, is_folder=is_folder)
        if pattern is not None:
            self.counts.excluded[pattern.text] += 1
        elif is_folder:
            if not entry.is_symlink() or self._leads_out(path):
                yield from self.files(path, parts, rules)
        else:
            ending = path.suffix.lower()
            if ending in EXTENSIONS:
                yield path
            elif ending not in _BESIDE_PICTURES:
                self.counts.endings[ending or NO_ENDING] += 1

    def _leads_out(self, link: Path) -> bool:
        """Whether a link leads to a folder that is not walked anyway, and note it."""
        target = link.resolve()
        walked = (self.resolved, *self.linked)
        if any(target.is_relative_to(old) or old.is_relative_to(target) for old in walked):
            return False
        self.linked.add(target)
        return True


def find_images(
    root: Path,
    *,
    on_unreadable: Callable[[Path, OSError], None] | None = None,
    exclusions: Sequence[Exclusion] = (),
    counts: NotLookedAt | None = None,
) -> Iterator[Path]:
    """Yield the files beneath ``root`` that have the extension of a picture, in a fixed order.

    Hidden files and folders (also ``.lexret``) are left out, and so is what ``exclusions`` name,
    or a file ``.lexretignore`` in any of the folders for what lies beneath it. A link to a folder
    is followed once, and only where it leads out of ``root``.

    Args:
        on_unreadable: is told of folders that cannot be listed; without it they are an error.
        exclusions: patterns, relative to ``root``; those of ignore files come after them.
        counts: is told what else there is.

    Raises:
        MissingError: if there is no such folder.
        InputError: if it is not a folder or cannot be listed, or an ignore file cannot be read.
    """
    check_folder(root)
    walk = _Walk(root, on_unreadable, counts or NotLookedAt(), root.resolve())
    yield from walk.files(root, (), (_Rules(0, exclusions),) if exclusions else ())


def check_folder(root: Path) -> None:
    """Raise MissingError where a folder of pictures is not there, InputError where it is a file."""
    if not root.exists():
        raise MissingError(f"There is no folder {root}; expected one of pictures.", path=root)
    if not root.is_dir():
        raise InputError(f"{root} is a file; expected a folder of pictures.")


def _excluded_by(
    rules: Sequence[_Rules], parts: tuple[str, ...], *, is_folder: bool
) -> Exclusion | None:
    for given in reversed(rules):
        found = deciding(given.exclusions, parts[given.depth :], is_folder=is_folder)
        if found is not None:
            return None if found.takes_back else found
    return None


def _mode(entry: os.DirEntry[str]) -> int:
    """Return what a name leads to; 0 for a link that leads nowhere, in a circle or out of reach."""
    try:
        if not entry.is_symlink():  # the listing of the folder tells the rest, mostly
            if entry.is_file(follow_symlinks=False):
                return stat.S_IFREG
            if entry.is_dir(follow_symlinks=False):
                return stat.S_IFDIR
        return entry.stat().st_mode
    except OSError:
        return 0
