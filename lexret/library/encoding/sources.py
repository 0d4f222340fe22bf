"""Where the pictures to encode come from: folders, webdataset shards, or Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from lexret.captions.shard_index import read_samples
from lexret.captions.shards import find_shards
from lexret.errors import InputError, MissingError
from lexret.library.folders import default_index, picture_folders, picture_path, record_roots
from lexret.library.packed.contents import PackedPlace, read_packed
from lexret.library.packed.parquet_pictures import count_rows
from lexret.library.updating.reader import SkippedPicture
from lexret.library.updating.scan import UpdatePlan, find_files
from lexret.pictures.exclusion import Exclusion
from lexret.pictures.reading import FileSource, HeldFile

Kind = Literal["folders", "shards", "parquet"]
_WEBDATASET: Final = "webdataset:"
_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class PictureSources:
    """Places of pictures, all of one kind.

    Attributes:
        kind: ``folders``, ``shards`` (tar) or ``parquet``.
        paths: of the folders, or of the files; absolute.
    """

    kind: Kind
    paths: tuple[Path, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """How the index of the folders names them, where it lies in the first; of files, none."""
        if self.kind != "folders":
            return ()
        return record_roots(self.paths, default_index(self.paths[0]))


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """Picture that is to be encoded.

    Attributes:
        doc_id: its id in an index. In a folder, its path as ``lexret index`` names it; of a shard,
            the shard's name and its own; of a Parquet file, the file's name and its row.
        source: number of the folder or file.
        place: where it begins in a shard, in bytes; its row in a Parquet file.
        size: in a shard, in bytes.
        mtime_ns: time of its last change, where it does not lie in a folder.
    """

    doc_id: str
    source: int = 0
    place: int = 0
    size: int = 0
    mtime_ns: int = 0


@dataclass
class Listing:
    """Pictures of sources, in order, and what is none.

    Attributes:
        pictures: may be gone through once.
        skipped: grows while ``pictures`` is gone through.
    """

    pictures: Iterable[PlannedPicture]
    skipped: list[SkippedPicture] = field(default_factory=list)


def find_sources(named: Sequence[str]) -> PictureSources:
    """Say what the named places are.

    Args:
        named: folders of pictures; or shards (``.tar``, a pattern that may hold ``*``, ``?``,
            ``[...]`` and ranges such as ``{00000..01242}``, or ``webdataset:FOLDER``); or Parquet
            files and patterns of them.

    Raises:
        InputError: if they are of several kinds or of none, or two files have one name.
        MissingError: if one of them is not there.
    """
    if not named:
        raise InputError("Name the pictures to encode: folders, tar shards or Parquet files.")
    kinds = {_kind_of(name): name for name in named}
    if len(kinds) > 1:
        (kind, name), (other, another) = list(kinds.items())[:2]
        raise InputError(
            f"{name} ({kind}) and {another} ({other}) cannot be encoded in one call, as their "
            "pictures are named differently; encode them into folders of their own."
        )
    (kind,) = kinds
    if kind == "folders":
        folders = list(dict.fromkeys(Path(name).resolve() for name in named))
        return PictureSources(kind, tuple(folders))
    found = [path for name in named for path in find_shards(name.removeprefix(_WEBDATASET))]
    paths = list(dict.fromkeys(path.resolve() for path in found))
    names = [path.name for path in paths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"Several of the files are called {twice}, and pictures are named by their file; "
            "encode them into folders of their own, or rename them."
        )
    return PictureSources(kind, tuple(paths))


def _kind_of(name: str) -> Kind:
    if name.startswith(_WEBDATASET):
        return "shards"
    if Path(name).is_dir():
        return "folders"
    lower = name.lower()
    if lower.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")):
        raise InputError(
            f"{name} is compressed; single pictures can only be read from plain tar files. Unpack "
            "it; pictures are compressed anyway."
        )
    if lower.endswith(".tar"):
        return "shards"
    if lower.endswith(".parquet"):
        return "parquet"
    if not Path(name).exists():
        raise MissingError(
            f"{name} is not there; expected a folder of pictures, tar shards or Parquet files.",
            path=Path(name),
        )
    raise InputError(
        f"{name} is a file that ends like none of those that hold many pictures; expected a folder "
        "of pictures, tar shards (.tar) or Parquet files (.parquet)."
    )


def list_pictures(sources: PictureSources, exclusions: Sequence[Exclusion]) -> Listing:
    """List the pictures of sources; their content is not read.

    Args:
        exclusions: patterns of what is not looked at in folders.

    Raises:
        MissingError, InputError: if a source is not there, or a folder holds no picture.
        CorruptError: if a shard or Parquet file is damaged, while the list is gone through.
    """
    if sources.kind == "folders":
        return _list_folders(sources, exclusions)
    for path in sources.paths:
        if not path.is_file():
            raise MissingError(f"{path} is not there any more.", path=path)
    listing = Listing(())
    list_file = _list_shard if sources.kind == "shards" else _list_table
    listing.pictures = (
        picture
        for number, path in enumerate(sources.paths)
        for picture in list_file(number, path, listing.skipped)
    )
    return listing


def _list_folders(sources: PictureSources, exclusions: Sequence[Exclusion]) -> Listing:
    roots = sources.roots
    folders = picture_folders(roots, default_index(sources.paths[0]))
    plan = UpdatePlan(roots, roots, folders, added=folders, base=folders[0].path)
    try:
        found = find_files(plan, exclusions)
    except InputError as error:
        tars = next((path for path in sources.paths if any(path.glob("*.tar"))), None)
        if tars is None:
            raise
        raise InputError(f"{error} To encode its tar shards, name {tars}/*.tar.") from error
    numbers = {path: number for number, path in enumerate(sources.paths)}
    owners = [(folder, numbers[folder.path]) for folder in folders]

    def owner(doc_id: str) -> int:
        return next(number for folder, number in owners if folder.holds(doc_id))

    pictures = (PlannedPicture(doc_id, owner(doc_id)) for doc_id in found.paths)
    return Listing(pictures, list(found.skipped))


def _list_shard(number: int, path: Path, skipped: list[SkippedPicture]) -> Iterator[PlannedPicture]:
    seen: set[str] = set()
    for sample in read_samples(path):
        doc_id = f"{path.name}/{sample.name}"
        if sample.picture is None:
            skipped.append(_left_out(doc_id, "no picture", "has no picture"))
        elif sample.name in seen:
            skipped.append(_left_out(doc_id, "name used twice", "is there twice in its shard"))
        else:
            place, size = sample.picture
            yield PlannedPicture(doc_id, number, place, size, int(sample.mtime_s * _NS))
        seen.add(sample.name)


def _left_out(doc_id: str, reason: str, what: str) -> SkippedPicture:
    return SkippedPicture(doc_id, reason, f"{doc_id} {what}.")


def _list_table(
    number: int, path: Path, _skipped: list[SkippedPicture]
) -> Iterator[PlannedPicture]:
    mtime_ns = path.stat().st_mtime_ns
    for row in range(count_rows(path)):
        yield PlannedPicture(f"{path.name}/{row:08d}", number, row, 0, mtime_ns)


def open_pictures(
    sources: PictureSources, pictures: Sequence[PlannedPicture]
) -> Iterator[tuple[str, FileSource]]:
    """Yield id and file of each picture, in order; what lies in a file of many is read into memory.

    Raises:
        MissingError, StorageError: if a file of many pictures is not there or cannot be read.
        CorruptError: if it has changed, or is damaged.
    """
    base = sources.paths[0]
    for number, group in groupby(pictures, key=lambda picture: picture.source):
        path = sources.paths[number]
        if sources.kind == "folders":
            yield from ((picture.doc_id, picture_path(base, picture.doc_id)) for picture in group)
            continue
        wanted = list(group)
        places = [PackedPlace(picture.place, picture.size) for picture in wanted]
        for picture, content in zip(wanted, read_packed(sources.kind, path, places), strict=True):
            yield picture.doc_id, HeldFile(picture.doc_id, content, picture.mtime_ns)
