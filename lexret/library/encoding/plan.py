"""Plan of an encoding: which pictures, in which parts, by which model. Made once, and kept.

OUT/encode.json          sources, model, counts; sealed; written after the plan itself
OUT/plan.parquet         the pictures in their order, a group of rows for each part
OUT/vectors/             part-00000.parquet and so on: a part that is there is done

What a part holds follows from the plan alone, never from how many work at it or who was first: so
the result is the same, bit for bit. A picture's vector may differ in its last bits with the
pictures that go through the network beside it, which the plan says too.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from lexret.errors import CorruptError, InputError, MissingError
from lexret.files.folders import make_folder
from lexret.files.hashes import file_sha256
from lexret.files.names import name_to_text, text_to_name
from lexret.files.sealed import seal, unseal_version
from lexret.files.whole import whole_file
from lexret.interop.vector_tables import pyarrow
from lexret.library.encoding.sources import Kind, Listing, PictureSources, PlannedPicture
from lexret.library.updating.reader import SkippedPicture
from lexret.sparse import VectorPrecision

RECORD_FILE: Final = "encode.json"
PLAN_FILE: Final = "plan.parquet"
PARTS_FOLDER: Final = "vectors"
PICTURES_TOGETHER: Final = 32
"""Pictures that are encoded together: consecutive ones of a part."""
_FORMAT: Final = "lexret-encode"
_VERSION: Final = 1
_PARTS: Final = 32  # of a small set; large ones have at most so many, unless their parts were huge:
_MOST_PARTS: Final = 4096
_LARGE_PART: Final = 256


@dataclass(frozen=True)
class ModelIdentity:
    """Model that encodes, and how.

    Attributes:
        model_id: identity of its weights.
        source: what loads it: a shipped model's name, or a folder.
        fingerprint: of its vocabulary.
        num_words: of its vocabulary.
        precision: what it computes in.
    """

    model_id: str
    source: str
    fingerprint: str
    num_words: int
    precision: VectorPrecision


@dataclass(frozen=True)
class EncodePlan:
    """Plan of an encoding, as its folder records it.

    Attributes:
        out: the folder.
        sources: where the pictures lie.
        model: what encodes them.
        max_pixels: larger pictures are refused.
        part_size: pictures of a part; the last may have fewer.
        num_pictures: of all parts.
        digest: SHA-256 of the plan's file.
        listing: SHA-256 over the pictures as they were listed.
        skipped: what was found to be no picture when they were listed.
    """

    out: Path
    sources: PictureSources
    model: ModelIdentity
    max_pixels: int
    part_size: int
    num_pictures: int
    digest: str
    listing: str
    skipped: tuple[SkippedPicture, ...]

    @property
    def num_parts(self) -> int:
        """How many parts there are."""
        return -(-self.num_pictures // self.part_size)

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the pictures and what decides on their vectors; every part records it."""
        model = self.model
        decisive = (model.model_id, model.fingerprint, model.precision, str(self.max_pixels))
        return hashlib.sha256("\0".join((self.digest, *decisive)).encode()).hexdigest()

    @property
    def parts_folder(self) -> Path:
        """Where the parts lie."""
        return self.out / PARTS_FOLDER

    def part_path(self, number: int) -> Path:
        """Return where a part lies once it is done."""
        return self.parts_folder / f"part-{number:05d}.parquet"

    def size_of(self, number: int) -> int:
        """Return how many pictures a part has."""
        return min(self.part_size, self.num_pictures - number * self.part_size)

    def pictures(self, number: int) -> list[PlannedPicture]:
        """Return the pictures of a part, in order.

        Raises:
            CorruptError: if the plan's file is damaged.
        """
        return self._rows([number])

    def ids(self) -> Iterator[str]:
        """Yield the ids of all pictures, in order."""
        for number in range(self.num_parts):
            yield from (picture.doc_id for picture in self._rows([number]))

    def _rows(self, groups: Sequence[int]) -> list[PlannedPicture]:
        pa, parquet = pyarrow()
        path = self.out / PLAN_FILE
        try:
            with parquet.ParquetFile(path, page_checksum_verification=True) as file:
                table = file.read_row_groups(list(groups))
            columns = [table.column(name).to_pylist() for name in _COLUMNS]
        except (pa.ArrowException, OSError, KeyError, IndexError) as error:
            raise CorruptError(f"{path} is damaged: {error}.") from error
        return [
            PlannedPicture(text_to_name(doc_id), *numbers)
            for doc_id, *numbers in zip(*columns, strict=True)
        ]


_COLUMNS: Final = ("id", "source", "place", "size", "mtime_ns")


def part_size_for(num_pictures: int) -> int:
    """Return how many pictures a part has, where so many are to be encoded.

    Small parts lose little when a run is killed, and go round among many workers; large ones keep
    the number of files bounded. They hold whole groups of pictures that are encoded together.
    """
    wanted = max(
        min(num_pictures // _PARTS, _LARGE_PART), num_pictures // _MOST_PARTS, PICTURES_TOGETHER
    )
    return -(-wanted // PICTURES_TOGETHER) * PICTURES_TOGETHER


def make_plan(
    out: Path,
    sources: PictureSources,
    pictures: Iterable[PlannedPicture],
    skipped: list[SkippedPicture],
    *,
    model: ModelIdentity,
    max_pixels: int,
) -> EncodePlan:
    """Make a plan and keep it in its folder.

    Args:
        pictures: in order; gone through once.
        skipped: what is none of them; complete once ``pictures`` were gone through.

    Raises:
        InputError: if there is no picture.
        OSError: if it cannot be written.
    """
    listed = _Listed(pictures)
    if not listed.ids:
        raise InputError(f"There is no picture in {', '.join(map(str, sources.paths))}.")
    size = part_size_for(len(listed.ids))
    make_folder(out / PARTS_FOLDER)
    with whole_file(out / PLAN_FILE, hidden=True) as fresh:
        listed.write(fresh, size)
    plan = EncodePlan(
        out,
        sources,
        model,
        max_pixels,
        size,
        len(listed.ids),
        file_sha256(out / PLAN_FILE),
        listed.digest,
        tuple(skipped),
    )
    with whole_file(out / RECORD_FILE, hidden=True) as fresh:  # a name that a next run knows
        fresh.write_bytes(seal(_as_plain(plan)))
    return plan


class _Listed:
    """Pictures that were listed, in columns: millions of them take a text and 32 bytes each."""

    def __init__(self, pictures: Iterable[PlannedPicture]) -> None:
        self.ids: list[str] = []
        self._numbers = array("q")
        digest = hashlib.sha256()
        for picture in pictures:
            self.ids.append(picture.doc_id)
            numbers = (picture.source, picture.place, picture.size, picture.mtime_ns)
            self._numbers.extend(numbers)
            digest.update(_identity(picture))
        self.digest = digest.hexdigest()

    def write(self, path: Path, part_size: int) -> None:
        pa, parquet = pyarrow()
        schema = pa.schema([("id", pa.string()), *((name, pa.int64()) for name in _COLUMNS[1:])])
        numbers_N4 = np.frombuffer(self._numbers, np.int64).reshape(-1, 4)
        options = {"compression": "zstd", "write_page_checksum": True}
        with path.open("wb") as file, parquet.ParquetWriter(file, schema, **options) as writer:
            for start in range(0, len(self.ids), part_size):
                part = slice(start, start + part_size)
                ids = pa.array([name_to_text(doc_id) for doc_id in self.ids[part]], pa.string())
                columns = [pa.array(column) for column in numbers_N4[part].T]
                table = pa.Table.from_arrays([ids, *columns], schema=schema)
                writer.write_table(table, part_size)


def _identity(picture: PlannedPicture) -> bytes:
    return repr((picture.doc_id, picture.source, picture.place, picture.size)).encode()


def num_changed(plan: EncodePlan, listing: Listing) -> tuple[int, int]:
    """Return how many pictures of a listing are not in a plan, and how many of it are gone."""
    digest, there = hashlib.sha256(), []
    for picture in listing.pictures:
        digest.update(_identity(picture))
        there.append(picture.doc_id)
    if digest.hexdigest() == plan.listing:
        return 0, 0
    planned, found = set(plan.ids()), set(there)
    return len(found - planned), len(planned - found)


def load_plan(out: Path) -> EncodePlan:
    """Read the plan of a folder.

    Raises:
        MissingError: if there is none.
        CorruptError: if it is damaged.
    """
    path = out / RECORD_FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(
            f"There is no {RECORD_FILE} in {out}; expected a folder that `lexret encode` wrote.",
            path=out,
        ) from error
    try:
        plan = _from_plain(out, unseal_version(data, _FORMAT, _VERSION))
        digest = file_sha256(out / PLAN_FILE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptError(
            f"The plan in {path} cannot be read: {error}. Encode into a new folder."
        ) from error
    if digest != plan.digest:
        raise CorruptError(
            f"{out / PLAN_FILE} is damaged: its hash is not the recorded one. Encode into a new "
            "folder."
        )
    return plan


def has_plan(out: Path) -> bool:
    """Whether a folder holds an encoding, begun or done."""
    return (out / RECORD_FILE).exists()


def _as_plain(plan: EncodePlan) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": plan.sources.kind,
        "sources": [name_to_text(str(path)) for path in plan.sources.paths],
        "model": asdict(plan.model),
        "max_pixels": plan.max_pixels,
        "part_size": plan.part_size,
        "num_pictures": plan.num_pictures,
        "plan_sha256": plan.digest,
        "listing_sha256": plan.listing,
        "skipped": [[name_to_text(s.path), s.reason, s.message] for s in plan.skipped],
    }


def _from_plain(out: Path, values: Any) -> EncodePlan:
    kind: Kind = values["kind"]
    paths = tuple(Path(text_to_name(path)) for path in values["sources"])
    return EncodePlan(
        out,
        PictureSources(kind, paths),
        ModelIdentity(**values["model"]),
        int(values["max_pixels"]),
        int(values["part_size"]),
        int(values["num_pictures"]),
        str(values["plan_sha256"]),
        str(values["listing_sha256"]),
        tuple(
            SkippedPicture(text_to_name(name), reason, message)
            for name, reason, message in values["skipped"]
        ),
    )
