"""Finds the picture files beneath a folder, and counts what else lies there."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

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
        of_files: those of ``exclusions`` that may name a file.
    """

    depth: int
    exclusions: Sequence[Exclusion]
    of_files: Sequence[Exclusion]

    @classmethod
    def of(cls, depth: int, exclusions: Sequence[Exclusion]) -> Self:
        """Take the patterns, and pick out those of files: most names are looked at by these."""
        return cls(
            depth, exclusions, [pattern for pattern in exclusions if not pattern.folders_only]
        )


@dataclass
class _Walk:
    """One walk through the folders beneath a root."""

    root: Path
    on_unreadable: Callable[[Path, OSError], None] | None
    counts: NotLookedAt
    resolved: Path
    linked: set[Path] = field(default_factory=set)

    def names(
        self, folder: Path, parts: tuple[str, ...], rules: tuple[_Rules, ...]
    ) -> Iterator[str]:
        """Yield the pictures of a folder, ``parts`` below the root, and of those in it.

        Names are texts, relative to the root: a path takes longer to make than to look at.
        """
        entries = self._listed(folder)
        if any(entry.name == IGNORE_FILE for entry in entries):
            rules = (*rules, _Rules.of(len(parts), read_ignore_file(folder / IGNORE_FILE)))
        above = "".join(f"{part}/" for part in parts)
        for entry in entries:
            name = entry.name
            mode = 0 if name.startswith(".") else _mode(entry)
            is_folder = stat.S_ISDIR(mode)
            if not is_folder and not stat.S_ISREG(mode):
                continue
            pattern = _excluded_by(rules, parts, name, is_folder=is_folder)
            if pattern is not None:
                self.counts.excluded[pattern.text] += 1
            elif is_folder:
                path = folder / name
                if not entry.is_symlink() or self._leads_out(path):
                    yield from self.names(path, (*parts, name), rules)
            else:
                ending = _ending(name)
                if ending in EXTENSIONS:
                    yield above + name
                elif ending not in _BESIDE_PICTURES:
                    self.counts.endings[ending or NO_ENDING] += 1

    def _listed(self, folder: Path) -> list[os.DirEntry[str]]:
        """Return what is in a folder, by name; nothing where it is told that it is unreadable."""
        try:
            with os.scandir(folder) as listing:
                return sorted(listing, key=_name_of)
        except OSError as error:
            if self.on_unreadable is None:
                message = f"The folder {folder} cannot be listed: {error.strerror}."
                raise InputError(message) from error
            self.on_unreadable(folder, error)
            return []

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
    """Yield the paths of the files that :func:`find_names` finds."""
    names = find_names(root, on_unreadable=on_unreadable, exclusions=exclusions, counts=counts)
    for name in names:
        yield root / name


def find_names(
    root: Path,
    *,
    on_unreadable: Callable[[Path, OSError], None] | None = None,
    exclusions: Sequence[Exclusion] = (),
    counts: NotLookedAt | None = None,
) -> Iterator[str]:
    """Yield the files beneath ``root`` that have the extension of a picture, in a fixed order.

    Each is named relative to ``root``, with forward slashes. Hidden files and folders (also
    ``.lexret``) are left out, and so is what ``exclusions`` name, or a file ``.lexretignore`` in
    any of the folders for what lies beneath it. A link to a folder is followed once, and only where
    it leads out of ``root``.

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
    yield from walk.names(root, (), (_Rules.of(0, exclusions),) if exclusions else ())


def check_folder(root: Path) -> None:
    """Raise MissingError where a folder of pictures is not there, InputError where it is a file."""
    if not root.exists():
        raise MissingError(f"There is no folder {root}; expected one of pictures.", path=root)
    if not root.is_dir():
        raise InputError(f"{root} is a file; expected a folder of pictures.")


def _excluded_by(
    rules: Sequence[_Rules], parts: tuple[str, ...], name: str, *, is_folder: bool
) -> Exclusion | None:
    for given in reversed(rules):
        exclusions = given.exclusions if is_folder else given.of_files
        if not exclusions:
            continue
        found = deciding(exclusions, (*parts[given.depth :], name), is_folder=is_folder)
        if found is not None:
            return None if found.takes_back else found
    return None


def _name_of(entry: os.DirEntry[str]) -> str:
    return entry.name


def _ending(name: str) -> str:
    """Return what ``Path(name).suffix`` is, in lower case."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


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
