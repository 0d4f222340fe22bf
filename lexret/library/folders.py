"""Where an index lies, which folders of pictures it holds, and where a document's file lies.

The first of the folders is the base: the ids of its pictures are paths relative to it. The ids of
pictures in other folders are relative to it too (``../other/1.jpg``) where the index records such
a folder by a relative path, and absolute where it records an absolute one. So every file has one
id, and base and id together lead to the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.engine.place import has_index
from lexret.errors import InputError, MissingError
from lexret.library.shards import SHARDS_FOLDER, Shard, shard_place

if TYPE_CHECKING:
    from lexret.engine.segments.manifest import Manifest

INDEX_FOLDER: Final = ".lexret"
THUMBNAILS_FILE: Final = "thumbnails.sqlite"
"""What `lexret serve` keeps beside an index; it can be made again at any time."""


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """One of the folders of pictures of an index.

    Attributes:
        recorded: how the manifest names it.
        path: where it is, absolute.
        prefix: what stands in an id before the path relative to this folder.
    """

    recorded: str
    path: Path
    prefix: str

    def holds(self, doc_id: str) -> bool:
        """Whether a picture of that id lies in this folder."""
        if self.prefix:
            return doc_id.startswith(self.prefix)
        return not doc_id.startswith(("../", "/"))


def default_index(root: Path) -> Path:
    """Return where the index of a folder of pictures lies unless another place is named."""
    return root / INDEX_FOLDER


def require_folder_names(folders: Sequence[str | os.PathLike[str]]) -> None:
    """Raise InputError if a list is given instead of folders, one by one."""
    for folder in folders:
        if not isinstance(folder, str | os.PathLike):
            raise InputError(
                f"Folders are named one by one, as in update('photos', 'more'); found {folder!r}."
            )


def place_of_new_index(
    folders: Sequence[str | os.PathLike[str]],
    index: str | os.PathLike[str] | None,
    shard: Shard | None = None,
) -> Path:
    """Return where to make the first index of some folders.

    Args:
        index: the place that was named, if one was.
        shard: the part of the pictures that it is to hold, if not all.

    Raises:
        InputError: if no folder is named, or there is an index already.
    """
    require_folder_names(folders)
    if not folders:
        raise InputError("A library is made of folders of pictures; name at least one.")
    place = Path(index) if index is not None else default_index(Path(folders[0]))
    if index is None and shard is not None:
        place = shard_place(Path(folders[0]), shard)
    if has_index(place):
        raise InputError(
            f"There is an index at {place} already: open it with Library.open, and bring it up "
            "to date, or make it anew, with its update()."
        )
    return place


def find_index(start: Path) -> Path:
    """Find the index of the folder ``start`` or of the nearest folder above it.

    Raises:
        MissingError: if there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if has_index(folder / INDEX_FOLDER):
            return folder / INDEX_FOLDER
    below = sorted(
        place.parent.name for place in start.glob(f"*/{INDEX_FOLDER}") if has_index(place)
    )
    if _indexes_in(start / SHARDS_FOLDER):
        way = f"There are shards in {SHARDS_FOLDER}: name one with --index, or merge them."
    elif below:
        way = f"There is one in {below[0]}: go there, or add --index {below[0]}."
    else:
        way = "Make one with `lexret index DIR`, or name one with --index."
    raise MissingError(f"There is no index in {start} or a folder above it. {way}")


def find_indexes(start: Path) -> tuple[Path, ...]:
    """Find the index of a folder or of the nearest above it, or all shards that lie there.

    Raises:
        MissingError: if there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if has_index(folder / INDEX_FOLDER):
            return (folder / INDEX_FOLDER,)
        found = _indexes_in(folder / SHARDS_FOLDER)
        if found:
            _require_others(found, folder / SHARDS_FOLDER)
            return tuple(found)
    return (find_index(start),)


def index_for(folders: Sequence[Path]) -> Path:
    """Return the place of the index for some folders that are to be indexed.

    It is in the first of them that has one; else beside or above them, in an index that holds one
    of them; else it is made in the first of them.
    """
    from lexret.engine.segments.manifest import Manifest  # loads numpy; to find an index needs none

    places = [default_index(folder) for folder in folders]
    for place in places:
        if has_index(place):
            return place
    paths = [folder.resolve() for folder in folders]
    for above in dict.fromkeys(default_index(parent) for path in paths for parent in path.parents):
        if has_index(above):
            held = picture_folders(Manifest.load(above).roots, above)
            if any(folder.path in paths for folder in held):
                return above
    return places[0]


def index_within(place: Path) -> Path:
    """Return the index of a folder of pictures where one is named instead of its index."""
    inner = default_index(place)
    inside = not has_index(place) and has_index(inner)
    return inner if inside else place


def indexes_within(place: Path) -> list[Path]:
    """Return the index that a path means, or all shards where it means a folder of such.

    That is a folder whose folders are indexes, or a folder of pictures that holds one.
    """
    found = index_within(place)
    if has_index(found):
        return [found]
    return _indexes_in(place) or _indexes_in(place / SHARDS_FOLDER) or [found]


def _indexes_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry) for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return sorted(path for path in found if has_index(path))


def all_indexes(
    places: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    allow_missing: bool = False,
) -> tuple[Path, ...]:
    """Return the indexes that one path or several mean, each once; see :func:`indexes_within`.

    Args:
        allow_missing: accept that a folder of shards, named alone, holds only one of several.

    Raises:
        MissingError: if it does, and that is not accepted.
    """
    named = [places] if isinstance(places, str | os.PathLike) else places
    if not named:
        raise InputError("No index is named; expected a path, or those of all shards.")
    found = [index for place in named for index in indexes_within(Path(place))]
    only = Path(named[0])
    if not allow_missing and len(named) == 1 and index_within(only) not in found:
        _require_others(found, only)
    return tuple({index.resolve(): index for index in found}.values())


def _require_others(found: Sequence[Path], folder: Path) -> None:
    """Raise MissingError where the only index in a folder of shards is one shard of several."""
    from lexret.engine.segments.manifest import Manifest  # loads numpy; to find an index needs none

    manifest = Manifest.load_if_sound(found[0]) if len(found) == 1 else None
    shard = None if manifest is None else Shard.of(manifest.options)
    if shard is not None and shard.total > 1:
        raise MissingError(
            f"Of the {shard.total} shards, only {shard} is in {folder}. Make the others, by "
            f"`lexret index DIR --shard`, or name {found[0]} to have it alone."
        )


def record_root(root: Path, index_path: Path) -> str:
    """Return how a manifest names a folder of pictures.

    It is relative to the index folder where one lies inside the other, or where the index is
    called ``.lexret`` and the folder lies beside it, so that both may be moved together; otherwise
    it is absolute.
    """
    root, index_path = root.resolve(), index_path.resolve()
    beside = index_path.name == INDEX_FOLDER and root.is_relative_to(index_path.parent)
    if beside or index_path.is_relative_to(root) or root.is_relative_to(index_path):
        return Path(os.path.relpath(root, index_path)).as_posix()
    return root.as_posix()


def record_roots(
    new: Iterable[Path],
    index_path: Path,
    *,
    recorded: Sequence[str] = (),
    leaving: Sequence[Path] = (),
) -> tuple[str, ...]:
    """Return what a manifest records when folders are added to those that it names already.

    If the base is recorded by an absolute path, all folders are, so that ids outlive a move.

    Args:
        recorded: what it names already.
        leaving: those of them that are about to leave it; these may lie anywhere.

    Raises:
        InputError: if one of the folders lies inside another.
    """
    result = list(recorded)
    for root in (folder.resolve() for folder in new):
        there = [folder.path for folder in picture_folders(result, index_path)]
        if root in there:
            continue
        for other in there:
            overlap = root.is_relative_to(other) or other.is_relative_to(root)
            if overlap and other not in leaving:
                inner, outer = (root, other) if root.is_relative_to(other) else (other, root)
                raise InputError(
                    f"The folder {inner} lies inside of {outer}; an index holds folders that lie "
                    "apart. Name the outer one alone; if the inner one is in the index already, "
                    "take it out with --remove-root in the same call."
                )
        absolute = bool(result) and Path(result[0]).is_absolute()
        result.append(root.as_posix() if absolute else record_root(root, index_path))
    return tuple(result)


def picture_folders(roots: Sequence[str], index_path: Path) -> tuple[PictureFolder, ...]:
    """Return the folders that a manifest's ``roots`` name, in that order."""
    here = index_path.resolve()
    paths = [(here / root).resolve() for root in roots]
    folders = []
    for number, (recorded, path) in enumerate(zip(roots, paths, strict=True)):
        prefix = ""
        if number and Path(recorded).is_absolute():
            prefix = f"{recorded.rstrip('/')}/"
        elif number:
            prefix = f"{Path(os.path.relpath(path, paths[0])).as_posix()}/"
        folders.append(PictureFolder(recorded, path, prefix))
    return tuple(folders)


def picture_root(manifest: Manifest, index_path: Path) -> Path | None:
    """Return the base, the first folder of pictures; ``None`` where an index records none."""
    if not manifest.roots:
        return None
    return (index_path.resolve() / manifest.roots[0]).resolve()


def picture_path(base: Path | None, doc_id: str) -> Path:
    """Return where the file of a picture lies."""
    return Path(os.path.normpath((base or Path()) / doc_id))


def id_of_file(path: Path, folders: Sequence[PictureFolder]) -> str | None:
    """Return the id that the file at an absolute path has; ``None`` outside of all folders."""
    for folder in folders:
        if path.is_relative_to(folder.path):
            return folder.prefix + path.relative_to(folder.path).as_posix()
    return None
