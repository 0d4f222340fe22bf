"""The dictionaries of a user: where they lie, adding, listing and removing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lexret.errors import InputError, MissingError, StorageError
from lexret.files.folders import make_folder
from lexret.files.whole import sync_folder
from lexret.language.dictionaries.compact import (
    SUFFIX,
    CompactDictionary,
    DictionaryInfo,
    write_dictionary,
)
from lexret.language.dictionaries.dictd import INDEX, read_dictd
from lexret.language.dictionaries.entries import Entry
from lexret.language.dictionaries.stardict import INFO, dictionary_name, read_stardict
from lexret.language.languages import language_name
from lexret.vocabulary import Vocabulary

VARIABLE: Final = "LEXRET_LANGUAGES"
_RANKS: Final = "english-21k"
# Where packages and StarDict itself put dictionaries.
_PLACES: Final = (
    "/usr/share/dictd", "/usr/local/share/dictd", "/usr/share/stardict/dic",
    "/usr/local/share/stardict/dic", "~/.stardict/dic", "~/.dict",
)  # fmt: skip
_ENDINGS: Final = (INDEX, INFO)


def dictionary_folder() -> Path:
    """Return the folder of the user's dictionaries, which need not exist.

    The variable LEXRET_LANGUAGES names another one than the system's folder for users' data.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "lexret" / "languages"


def installed_dictionaries(folder: Path | None = None) -> list[CompactDictionary]:
    """Open the dictionaries of a folder, the user's without one, in the order of their languages.

    Raises:
        CorruptError: if one is damaged.
    """
    folder = dictionary_folder() if folder is None else folder
    return [CompactDictionary(file) for file in sorted(folder.glob(f"*{SUFFIX}"))]


def add_dictionary(
    language: str, source: str | None = None, *, folder: Path | None = None
) -> tuple[DictionaryInfo, Path]:
    """Read a dictionary from a language to English and keep it for searches.

    Args:
        language: its code, as :func:`lexret.language.languages.language_code` returns it.
        source: a file of the dictionary (``.index``, ``.dict.dz``, ``.ifo``), the folder that it
            lies in, or its name among those that the system has; without it, FreeDict's.
        folder: where to keep it; without it, the user's folder. One of the same language is
            replaced.

    Returns:
        what it holds, and the file.

    Raises:
        MissingError: if there is no such dictionary.
        CorruptError: if it is damaged.
        StorageError: if it cannot be written.
    """
    found = _find(language, source)
    folder = dictionary_folder() if folder is None else folder
    file = folder / f"{language}{SUFFIX}"
    name = dictionary_name(found) if found.suffix == INFO else found.stem
    try:
        make_folder(folder)
        ranks = Vocabulary.shipped(_RANKS)
        info = write_dictionary(file, _read(found), language=language, name=name, ranks=ranks)
    except OSError as error:
        if isinstance(error, MissingError):
            raise
        raise StorageError(f"Cannot write the dictionary {file}: {error}.") from error
    return info, file


def remove_dictionary(language: str, *, folder: Path | None = None) -> Path:
    """Remove a dictionary; returns the file that is gone.

    Raises:
        MissingError: if there is none of the language.
    """
    folder = dictionary_folder() if folder is None else folder
    file = folder / f"{language}{SUFFIX}"
    try:
        file.unlink()
        sync_folder(folder)
    except FileNotFoundError as error:
        there = sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
        raise MissingError(
            f"There is no dictionary of {language_name(language)} in {folder}; there are: "
            f"{', '.join(there) or 'none'}."
        ) from error
    return file


def _read(file: Path) -> Iterator[Entry]:
    return read_stardict(file) if file.suffix == INFO else read_dictd(file)


def _find(language: str, source: str | None) -> Path:
    """Return the index or info file of a dictionary."""
    if source is not None:
        path = Path(source)
        if path.is_dir():
            return _only(path)
        if path.is_file():
            return _beside(path)
    names = [source] if source else [f"freedict-{language}-eng", f"{language}-eng"]
    places = [Path(place).expanduser() for place in _PLACES]
    for name in names:
        for place in places:
            for ending in _ENDINGS:
                file = place / f"{name}{ending}"
                nested = sorted(place.glob(f"*/{name}{ending}")) if place.is_dir() else []
                if file.is_file() or nested:
                    return file if file.is_file() else nested[0]
    raise MissingError(
        f"No dictionary {' or '.join(names)} was found in {', '.join(map(str, _PLACES))}. Give "
        f"the path of one in FreeDict's (.index, .dict.dz) or StarDict's format (.ifo), or "
        f"install one; on Debian: apt install dict-freedict-{language}-eng"
    )


def _only(folder: Path) -> Path:
    found = sorted(file for ending in _ENDINGS for file in folder.glob(f"*{ending}"))
    if len(found) != 1:
        there = ", ".join(file.name for file in found) or "none"
        raise InputError(
            f"One dictionary (.index or .ifo) is expected in {folder}; there are: {there}. "
            "Give the path of the file."
        )
    return found[0]


def _beside(file: Path) -> Path:
    """Return the index or info file that a file of a dictionary belongs to."""
    if file.suffix in _ENDINGS:
        return file
    name = file.name.removesuffix(".dz").removesuffix(".gz")
    stem = name.rpartition(".")[0] or name
    for ending in _ENDINGS:
        index = file.with_name(f"{stem}{ending}")
        if index.is_file():
            return index
    raise InputError(
        f"{file} is no file of a dictionary that can be read; expected NAME.index or NAME.dict.dz "
        "(FreeDict), or NAME.ifo (StarDict)."
    )
