"""Sealed files with a copy, beside an index: reading them, finding damage, writing one anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lexret.engine.store.sections import storage_errors
from lexret.errors import DamageError
from lexret.files.sealed import copy_of, replace_with_copy

Content = TypeVar("Content")
# Reads the bytes of a file; raises ValueError if they are damaged.
Parse = Callable[[bytes], Content]


def load_pair(path: Path, parse: Parse[Content]) -> Content | None:
    """Return what a file holds; None where it was never written.

    Raises:
        DamageError: if it is damaged, or missing beside its copy.
    """
    try:
        return parse(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        if copy_of(path).is_file():
            raise DamageError(path, f"it is missing, but {copy_of(path).name} is there") from error
        return None
    except OSError as error:
        raise DamageError(path, f"it cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DamageError(path, str(error)) from error


def damage_of_pair(path: Path, parse: Parse[object]) -> list[DamageError]:
    """Return what is wrong with a file and with its copy."""
    found = []
    for file in (path, copy_of(path)):
        try:
            parse(file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            if path.exists() or copy_of(path).exists():
                found.append(DamageError(file, "it is missing"))
        except OSError as error:
            found.append(DamageError(file, f"it cannot be read ({error.strerror})"))
        except ValueError as error:
            found.append(DamageError(file, str(error)))
    return found


def mend_pair(path: Path, parse: Parse[object], aside: Path) -> None:
    """Write a file anew from its copy, or the other way round.

    Where neither is whole, both are moved to ``aside``, and what they held is lost.

    Raises:
        StorageError: if the files cannot be written.
    """
    with storage_errors(path.parent):
        for file in (path, copy_of(path)):
            try:
                data = file.read_bytes()
                parse(data)
            except (OSError, ValueError):
                continue
            replace_with_copy(path, data)
            return
        aside.mkdir(parents=True, exist_ok=True)
        for file in (path, copy_of(path)):
            if file.exists():
                file.rename(aside / file.name)
