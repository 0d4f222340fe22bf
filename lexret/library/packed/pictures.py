"""Pictures of an index that lie in tar shards or Parquet files: where these are, and their bytes.

The index records the folders of such files, and of each picture its place in the file, its size
and its hash. What a file holds there is a picture of the index only if it has that hash: nothing
else of a file is given away, and a file that was replaced is noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lexret.engine.index import EmbeddedIndex
from lexret.errors import CorruptError, InputError, MissingError, StorageError
from lexret.files.names import name_to_text, shown_line, text_to_name
from lexret.library.folders import record_root
from lexret.library.packed.contents import PackedKind, PackedPlace, read_packed
from lexret.pictures.packed import PackedPicture

PLACE: Final = "_place"
"""Field: where a picture begins in its tar shard, in bytes, or its row in its Parquet file."""
_OPTION: Final = "-in="
_KINDS: Final[tuple[PackedKind, ...]] = ("shards", "parquet")
_MOST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class PackedFolder:
    """Folder of tar shards or Parquet files that hold pictures of an index."""

    kind: PackedKind
    path: Path


def packed_folders(options: Sequence[str], index_path: Path) -> tuple[PackedFolder, ...]:
    """Return the folders that the options of an index record, in that order."""
    here, folders = index_path.resolve(), []
    for option in options:
        kind, found, recorded = option.partition(_OPTION)
        if found and kind in _KINDS:
            path = Path(os.path.normpath(here / text_to_name(recorded)))
            folders.append(PackedFolder(kind, path))
    return tuple(folders)


def without_packed_folders(options: Iterable[str]) -> tuple[str, ...]:
    """Return the options of an index but for those that record such folders."""
    return tuple(o for o in options if not o.startswith(tuple(k + _OPTION for k in _KINDS)))


def with_packed_folders(
    options: Iterable[str], folders: Iterable[PackedFolder], index_path: Path
) -> tuple[str, ...]:
    """Return the options of an index that record some folders, each once, and no others.

    They are recorded as folders of pictures are: see :func:`lexret.library.folders.record_root`.
    """
    told = [
        f"{folder.kind}{_OPTION}{name_to_text(record_root(folder.path, index_path))}"
        for folder in dict.fromkeys(folders)
    ]
    return (*without_packed_folders(options), *told)


def find_packed(
    index: EmbeddedIndex, folders: Sequence[PackedFolder], doc_id: str, *, allow_links: bool = True
) -> PackedPicture:
    """Return a picture that lies in a file of many; nothing of the file is read yet.

    Messages name no folder: the page shows them to anybody.

    Args:
        folders: those that the index records, the first that holds the file counts.
        allow_links: accept a file that lies outside of its folder, behind a link.

    Raises:
        MissingError: if the index holds no such picture or does not record where it lies, or its
            file is not there.
    """
    fields = index.document(doc_id).fields
    place, size, sha256 = (fields.get(name) for name in (PLACE, "size", "sha256"))
    if not (isinstance(place, int) and isinstance(size, int) and isinstance(sha256, str)):
        raise MissingError(
            f"The index does not record where the picture {shown_line(doc_id)} lies. If it was "
            "made of tar shards or Parquet files by an earlier lexret, give `lexret index "
            "--vectors` again, which records it."
        )
    name = doc_id.partition("/")[0]
    folder = next((folder for folder in folders if _holds(folder, name, allow_links)), None)
    if folder is None:
        raise MissingError(
            f"The file {shown_line(name)}, which holds the picture, is not in the folders that the "
            "index records; `lexret info` names them. If files have moved, name all folders that "
            "hold them now: `lexret index FOLDER... --vectors OUT --index INDEX`."
        )
    file = folder.path / name
    read = partial(_read, folder.kind, file, doc_id, place, size, sha256)
    return PackedPicture(shown_line(doc_id), file, sha256, read)


def _holds(folder: PackedFolder, name: str, allow_links: bool) -> bool:
    """Whether a folder holds a file of that name; a name never leads out of the folder."""
    if name in ("", ".", "..") or "\0" in name or Path(name).name != name:
        return False
    file = folder.path / name
    if not file.is_file():
        return False
    return allow_links or Path(os.path.realpath(file)).is_relative_to(folder.path.resolve())


def _read(kind: PackedKind, file: Path, doc_id: str, place: int, size: int, sha256: str) -> bytes:
    changed = MissingError(
        f"{shown_line(file.name)} has changed since it was indexed: the picture "
        f"{shown_line(doc_id)} is no longer there. Encode the file again into a new folder, and "
        "index that: `lexret encode`, then `lexret index --vectors`."
    )
    if place < 0 or not 0 <= size <= _MOST_BYTES:
        raise changed
    try:
        (content,) = read_packed(kind, file, [PackedPlace(place, size)])
    except (CorruptError, InputError) as error:
        raise changed from error
    except StorageError as error:
        raise MissingError(f"{shown_line(file.name)} cannot be read.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise changed
    return content
