"""Files that were refused: read once and remembered, so that no later run reads them again.

They lie beside the index in ``refused.json``: a file's id, its size and time of change, and why it
was refused. A file that has changed is read again, and so are all where what reads them has
changed: another lexret or Pillow, a package for a further format, another ``--max-pixels``. The
list saves work and holds nothing else: where it is damaged or missing, all of them are read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Final

from lexret import __version__
from lexret.engine.store.sections import storage_errors
from lexret.files.sealed import seal, unseal
from lexret.files.whole import replace_file
from lexret.library.updating.moved_corrections import NewId
from lexret.library.updating.reader import SkippedPicture
from lexret.pictures.formats import OPTIONAL_FORMATS
from lexret.pictures.reading import FileState

REFUSED_FILE: Final = "refused.json"
_FORMAT: Final = "lexret-refused"
_VERSION: Final = 2
# A file that was changed so shortly before may change again without another time of change.
_SETTLED_NS: Final = 2_000_000_000


def reader_identity(max_pixels: int) -> str:
    """Return what files are read with: where it changes, what was refused is read again."""
    packages = ["pillow", *(wanted.package for wanted in OPTIONAL_FORMATS)]
    versions = [f"{package} {_version(package)}" for package in packages]
    return ", ".join([f"lexret {__version__}", *versions, f"max-pixels {max_pixels}"])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "-"


class RefusedFiles:
    """The list of the files that were refused.

    Args:
        index_path: the index folder.
        read_with: see :func:`reader_identity`.
        forget: begin with an empty list.
    """

    def __init__(self, index_path: Path, read_with: str, *, forget: bool = False) -> None:
        self._path, self._read_with = index_path / REFUSED_FILE, read_with
        self._files = {} if forget else _load(self._path, read_with)
        self._changed = forget and self._path.exists()

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def find(self, path: str, state: FileState) -> SkippedPicture | None:
        """Return why a file was refused; ``None`` where it was not, or was another file then."""
        known = self._files.get(path)
        return known if known is not None and known.state == state else None

    def add(self, skipped: SkippedPicture) -> None:
        """Remember a file if it was its content that was refused, and it has settled."""
        state = skipped.state
        if state is None or abs(time.time_ns() - state.mtime_ns) < _SETTLED_NS:
            self._changed |= self._files.pop(skipped.path, None) is not None
        elif self._files.get(skipped.path) != skipped:
            self._files[skipped.path] = skipped
            self._changed = True

    def keep(self, is_kept: Callable[[str], bool]) -> None:
        """Forget the files that are not kept, such as those that are not there any more."""
        kept = {path: skipped for path, skipped in self._files.items() if is_kept(path)}
        self._changed |= len(kept) != len(self._files)
        self._files = kept

    def replace_all(self, files: Mapping[str, SkippedPicture]) -> None:
        """Remember these files and no others."""
        self._changed |= files != self._files
        self._files = dict(files)

    def save(self) -> None:
        """Write the list where it has changed.

        Raises:
            StorageError: if it cannot be written.
        """
        if not self._changed:
            return
        files = {path: _as_plain(skipped) for path, skipped in sorted(self._files.items())}
        values = {"format": _FORMAT, "version": _VERSION, "read_with": self._read_with,
                  "files": files}  # fmt: skip
        with storage_errors(self._path.parent):
            replace_file(self._path, seal(values))
        self._changed = False


def take_over_refused(index_path: Path, sources: Sequence[tuple[Path, NewId]]) -> frozenset[str]:
    """Give an index the lists of others; returns the ids that these files have in it.

    Lists of another reader than the first one's hold nothing that counts beside it.

    Raises:
        StorageError: if the list cannot be written.
    """
    readers = [_reader_of(source / REFUSED_FILE) for source, _ in sources]
    read_with = next((reader for reader in readers if reader is not None), None)
    if read_with is None:
        return frozenset()
    files: dict[str, SkippedPicture] = {}
    for source, new_id in sources:
        for path, skipped in _load(source / REFUSED_FILE, read_with).items():
            new = new_id(path)
            if new is not None:
                files.setdefault(new, replace(skipped, path=new))
    taken = RefusedFiles(index_path, read_with)
    taken.replace_all(files)
    taken.save()
    return frozenset(files)


def _reader_of(path: Path) -> str | None:
    try:
        read_with = unseal(path.read_bytes())[0]["read_with"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return read_with if isinstance(read_with, str) else None


def _as_plain(skipped: SkippedPicture) -> list[object]:
    assert skipped.state is not None
    return [skipped.state.size, skipped.state.mtime_ns, skipped.reason, skipped.message]


def _load(path: Path, read_with: str) -> dict[str, SkippedPicture]:
    try:
        values, is_sealed = unseal(path.read_bytes())
        head = values["format"], values["version"], values["read_with"]
        if head != (_FORMAT, _VERSION, read_with) or not is_sealed:
            return {}
        return {
            name: SkippedPicture(name, str(reason), str(message), FileState(int(size), int(mtime)))
            for name, (size, mtime, reason, message) in values["files"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # none yet, or damaged: they are read again
