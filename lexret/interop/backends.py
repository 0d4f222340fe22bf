"""Backends: what holds the vectors of an index, and what opens it for reading and writing.

The folder of an index records its backend; whoever opens it needs not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.engine.corrections.corrections import load_corrections
from lexret.engine.index import EmbeddedIndex
from lexret.engine.segments.manifest import BackendEntry, Manifest
from lexret.errors import (
    BackendError,
    CorruptError,
    HeldElsewhereError,
    InputError,
    LexretError,
)

if TYPE_CHECKING:
    from lexret.engine.postings.acceleration import Engine
    from lexret.engine.writer import EmbeddedIndexWriter

EMBEDDED: Final = "embedded"
MILVUS: Final = "milvus"


@dataclass(frozen=True, slots=True)
class BackendChoice:
    """Choice of what holds the vectors of an index.

    Attributes:
        name: ``embedded`` or ``milvus``; ``None``: as the index has it, else ``embedded``.
        uri: where Milvus is; ``None``: as the index has it.
        collection: its name there; ``None``: a new one.
    """

    name: str | None = None
    uri: str | None = None
    collection: str | None = None

    def __post_init__(self) -> None:
        if self.name not in (None, EMBEDDED, MILVUS):
            raise InputError(
                f"The backend of an index is {EMBEDDED} or {MILVUS}; found {self.name!r}."
            )
        if self.name == EMBEDDED and (self.uri or self.collection):
            raise InputError("A URI and a collection go with the backend milvus only.")

    def of_new_index(self, before: BackendEntry | None) -> BackendEntry | None:
        """Return what a new index records.

        Args:
            before: what the index records that it replaces, if there is one.

        Raises:
            InputError: if it is not said where Milvus is.
        """
        name = self.name or (EMBEDDED if before is None else before.name)
        if name == EMBEDDED:
            if self.uri or self.collection:
                raise InputError("To keep the vectors in Milvus, add --backend milvus.")
            return None
        uri = self.uri or (None if before is None else before.values.get("uri"))
        if uri is None:
            raise InputError(
                "Where is Milvus? Add --uri http://HOST:19530, or --uri FILE.db for Milvus Lite."
            )
        from lexret.interop.milvus.place import MilvusPlace

        return MilvusPlace.new(uri, self.collection).entry()

    def check_same(self, recorded: BackendEntry | None, folder: Path) -> None:
        """Raise InputError where an index keeps its vectors elsewhere than was chosen."""
        now = EMBEDDED if recorded is None else recorded.name
        chosen = self.name or (MILVUS if self.uri or self.collection else now)
        if chosen != now:
            raise InputError(
                f"The index at {folder} keeps its vectors in the backend {now}; to keep them in "
                f"{chosen}, make it anew with --rebuild."
            )
        name = None if recorded is None else recorded.values.get("collection")
        if self.collection not in (None, name):
            raise InputError(
                f"The index at {folder} keeps its vectors in the collection {name}; to keep them "
                f"in {self.collection}, make it anew with --rebuild."
            )


def open_index(path: str | Path, *, engine: Engine = "auto", threads: int = 1) -> EmbeddedIndex:
    """Open an index for reading, with its corrections, whatever holds its vectors.

    Args:
        engine, threads: of an index that holds its vectors itself; see :class:`EmbeddedIndex`.

    Raises:
        LexretError: see :class:`EmbeddedIndex` and, for vectors that are in Milvus, which is not
            asked before they are needed, :class:`lexret.interop.milvus.index.MilvusIndex`.
    """
    folder = Path(path)
    corrections = load_corrections(folder)
    manifest = Manifest.load(folder)
    if manifest.backend is None:
        return EmbeddedIndex(
            folder, corrections=corrections, engine=engine, threads=threads, manifest=manifest
        )
    _require_known(manifest.backend.name, folder)
    from lexret.interop.milvus.index import MilvusIndex

    return MilvusIndex(folder, corrections=corrections, manifest=manifest)


def open_writer(path: str | Path, choice: BackendChoice | None = None) -> EmbeddedIndexWriter:
    """Open an index to change it, whatever holds its vectors.

    Args:
        choice: must be what the index has, but for the URI: where Milvus has moved, the new one is
            recorded. None: what the index has.

    Raises:
        InputError: if another backend was chosen than the index has.
        LexretError: see :meth:`EmbeddedIndexWriter.open` and
            :class:`lexret.interop.milvus.writer.MilvusIndexWriter`.
    """
    from lexret.engine.writer import EmbeddedIndexWriter

    folder = Path(path)
    try:
        writer = EmbeddedIndexWriter.open(folder)
    except HeldElsewhereError as error:
        _require_known(error.backend, folder)
    else:
        with _closed_on_error(writer):
            if choice is not None:
                choice.check_same(None, folder)
        return writer
    from lexret.interop.milvus.writer import MilvusIndexWriter

    elsewhere = MilvusIndexWriter.open(folder)
    with _closed_on_error(elsewhere):
        if choice is not None:
            choice.check_same(elsewhere.manifest.backend, folder)
            if choice.uri is not None:
                elsewhere.move_to(choice.uri)
        elsewhere.remove_strays()
    return elsewhere


@contextmanager
def _closed_on_error(writer: EmbeddedIndexWriter) -> Iterator[None]:
    try:
        yield
    except BaseException:
        writer.close()
        raise


def writer_class(backend: BackendEntry | None) -> type[EmbeddedIndexWriter]:
    """Return what writes indexes whose vectors a backend holds."""
    from lexret.engine.writer import EmbeddedIndexWriter

    if backend is None:
        return EmbeddedIndexWriter
    from lexret.interop.milvus.writer import MilvusIndexWriter

    return MilvusIndexWriter


def forget_replaced(before: BackendEntry | None, now: BackendEntry | None) -> str:
    """Drop the collection of an index that another one replaced.

    Returns:
        what is to be told where it could not be dropped; else nothing.
    """
    if before is None or before == now or before.name != MILVUS:
        return ""
    from lexret.interop.milvus.collection import MilvusCollection
    from lexret.interop.milvus.place import MilvusPlace

    place = MilvusPlace.of(before)
    try:
        MilvusCollection(place, 0).drop()
    except LexretError as error:
        return f"{place} is no longer needed, but could not be dropped: {error}"
    return ""


def check_vectors(path: str | Path) -> str:
    """Look whether a backend holds the vectors of all pictures of an index.

    Returns:
        where they are, for people; nothing where the index holds them itself.

    Raises:
        BackendError: if it does not answer, or lacks some.
    """
    manifest = Manifest.load(Path(path))
    if manifest.backend is None:
        return ""
    _require_known(manifest.backend.name, Path(path))
    from lexret.interop.milvus.index import MilvusIndex

    index = MilvusIndex(Path(path), manifest=manifest)
    rows = index.rows()
    _, missing = index.collection.differences(rows)
    if missing:
        raise BackendError(
            f"{index.collection.place} lacks {len(missing):,} of the {len(rows):,} vectors of the "
            f"index at {path}. Make it anew: lexret index --rebuild."
        )
    return told_place(manifest.backend)


def told_place(backend: BackendEntry | None) -> str:
    """Return where the vectors of an index are, for people."""
    if backend is None:
        return "its own segments"
    return f"{backend.name}: {backend.values.get('collection')} at {backend.values.get('uri')}"


def _require_known(backend: str | None, folder: Path) -> None:
    if backend != MILVUS:
        raise CorruptError(
            f"The vectors of the index at {folder} are in {backend!r}, which this lexret does "
            "not know. Use the lexret that wrote it."
        )
