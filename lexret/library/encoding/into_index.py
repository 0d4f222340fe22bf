"""Makes an index of encoded pictures, or adds them to one, without the pictures and in parts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lexret.encoders.folder.record import find_model, read_record
from lexret.engine.store.columns import FieldValue
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import CorruptError, InputError, MismatchError
from lexret.interop.backends import BackendChoice
from lexret.interop.vector_tables import VectorRows
from lexret.library.encoding.encoded import EncodedPictures, EncodedRows, open_encoded
from lexret.library.encoding.fields import index_fields
from lexret.library.encoding.plan import load_plan
from lexret.library.encoding.target import (
    ChosenIndex,
    Target,
    check_alike,
    find_target,
    open_target,
)
from lexret.library.folders import index_for
from lexret.library.model import lasting_source
from lexret.library.packed.pictures import PLACE
from lexret.library.shards import Shard, shard_place
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import AS_IT_IS
from lexret.library.updating.known_pictures import KnownPictures
from lexret.library.updating.reader import SkippedPicture
from lexret.library.updating.records import SIDECAR
from lexret.library.updating.refused import RefusedFiles, reader_identity
from lexret.library.updating.update_run import Progress
from lexret.pictures.finding import NotLookedAt
from lexret.sparse import SparseBatch

PICTURES_A_COMMIT: Final = 100_000
_STATE: Final = ("size", "mtime_ns", SIDECAR)  # what a file is known by


def place_of_index(
    outs: Sequence[Path], folders: Sequence[Path], shard: Shard | None = None
) -> Path:
    """Return where the index of encoded pictures lies, or a shard, where no place is named.

    Raises:
        InputError: if their pictures lie in no folder that is there.
    """
    if not folders:
        sources = load_plan(outs[0].resolve()).sources
        is_there = sources.kind == "folders" and sources.paths[0].is_dir()
        folders = sources.paths if is_there else ()
    if not folders:
        raise InputError(
            f"The pictures of {outs[0]} lie in no folder that is there: say with --index where the "
            "index shall lie, or name their folder."
        )
    return index_for(folders) if shard is None else shard_place(folders[0], shard)


def index_encoded(
    outs: Sequence[Path],
    index_path: Path,
    *,
    folders: Sequence[Path] = (),
    model: str | None = None,
    weights: str | None = None,
    shard: Shard | None = None,
    backend: BackendChoice = AS_IT_IS,
    progress: Progress | None = None,
) -> IndexReport:
    """Make an index of encoded pictures, or add them to the one that is there.

    A picture that the index holds already stays as it is there, unless its file was changed later
    in what was encoded; fields that somebody gave it stay in any case. Vectors are read and
    written in chunks, and committed about every 100,000 pictures: the same call goes on from there.

    Args:
        outs: folders that ``lexret encode`` wrote.
        folders: where the pictures lie now, in the order in which they were encoded; by default
            where they lay. They need not be there.
        model: must be the one that encoded; by default it is not looked for.
        weights: how a new index stores them, ``exact`` or ``8bit``.
        shard: the part of the pictures that a new index takes; recorded. By default as the index
            has it, else all.
        backend: what holds the vectors of a new index; for another one, what it must have.
        progress: is called with the number of pictures done and the number of pictures to do.

    Raises:
        MissingError: if an encoding is not there or not complete.
        MismatchError: if it is of another model than the index, or than ``model``.
        InputError: if the folders do not fit, or the index stores weights in another way, is
            another shard or has another backend.
        CorruptError: if a part is damaged.
        LockedError: if another process is writing the index.
        StorageError: if the index cannot be written.
    """
    started = time.monotonic()
    encoded = [open_encoded(out) for out in dict.fromkeys(out.resolve() for out in outs)]
    if not encoded:
        raise InputError("Name at least one folder that `lexret encode` wrote.")
    for other in encoded[1:]:
        check_alike(other.plan, encoded[0].plan)
    source = encoded[0].plan.model.source
    if model is not None:
        source = lasting_source(model)
        record = read_record(find_model(source))
        if record.model_id != encoded[0].plan.model.model_id:
            raise MismatchError(
                f"The pictures in {outs[0]} were encoded by {encoded[0].plan.model.model_id}, but "
                f"{model!r} is {record.model_id}. Name that model, or none."
            )
    chosen = ChosenIndex(source, weights, shard, backend)
    with open_target(encoded[0].plan, encoded[0].vocabulary, index_path, chosen) as writer:
        taking = _Taking(writer, progress, sum(one.plan.num_pictures for one in encoded))
        for one in encoded:
            taking.take(one, folders)
    return taking.report(time.monotonic() - started)


@dataclass
class _Taking:
    """One run that takes encoded pictures into an index."""

    writer: EmbeddedIndexWriter
    progress: Progress | None
    total: int
    num_added: int = 0
    num_updated: int = 0
    num_unchanged: int = 0
    skipped: list[SkippedPicture] = field(default_factory=list)
    _num_seen: int = 0
    _num_waiting: int = 0

    def take(self, encoded: EncodedPictures, folders: Sequence[Path]) -> None:
        writer, manifest = self.writer, self.writer.manifest
        target = find_target(encoded.plan, writer, folders)
        writer.commit_roots(target.roots, options=target.options)
        known = KnownPictures(writer.snapshot() if manifest.segments else None)
        for runtime in encoded.runtimes:
            writer.note_runtime(runtime)
        for rows in encoded.rows():
            self._add(rows, known, target)
            if self._num_waiting >= PICTURES_A_COMMIT:
                self._commit(encoded.runtimes)
        self._commit(encoded.runtimes)
        self._refuse(encoded, target)

    def _commit(self, runtimes: Sequence[str]) -> None:
        self.writer.commit()
        self._num_waiting = 0
        for runtime in runtimes:
            self.writer.note_runtime(runtime)

    def _add(self, encoded: EncodedRows, known: KnownPictures, target: Target) -> None:
        rows, places = encoded.table, encoded.places
        ids = [target.rename(name) for name in encoded.names]
        try:
            fields = index_fields(rows.fields, ids)
        except KeyError as error:
            raise CorruptError(f"A part lacks the field {error} of each picture.") from error
        size, mtime_ns, sidecar_ns = (_numbers(fields[name]) for name in _STATE)
        states = zip(size, mtime_ns, sidecar_ns, strict=True)
        if target.is_packed:
            fields[PLACE] = places
        own: dict[int, dict[str, FieldValue]] = {}
        chosen = []
        before = known.states_of(ids)
        places_before = known.numbers_of(PLACE, ids) if target.is_packed else places
        for row, (doc_id, state, was) in enumerate(zip(ids, states, before, strict=True)):
            if not target.holds(doc_id):
                continue
            if doc_id not in known:
                self.num_added += 1
            elif (was == state and places_before[row] == places[row]) or (
                was != state and not _is_newer(known, doc_id, state[1])
            ):
                self.num_unchanged += 1
                continue
            else:
                self.num_updated += 1
                own[row] = dict(known[doc_id].own)
            chosen.append(row)
        self._write(rows, ids, fields, chosen, own)
        self._num_seen += len(ids)
        if self.progress is not None:
            self.progress(self._num_seen, self.total)

    def _write(
        self,
        rows: VectorRows,
        ids: Sequence[str],
        fields: dict[str, Sequence[FieldValue]],
        chosen: Sequence[int],
        own: dict[int, dict[str, FieldValue]],
    ) -> None:
        if not chosen:
            return
        names = {name for values in own.values() for name in values}
        columns = {name: [values[row] for row in chosen] for name, values in fields.items()}
        columns |= {name: [own.get(row, {}).get(name) for row in chosen] for name in names}
        vectors = rows.vectors
        if len(chosen) < len(ids):
            vectors = SparseBatch.from_vectors([vectors.row(row) for row in chosen],
                                               vectors.vocabulary)  # fmt: skip
        self.writer.add([ids[row] for row in chosen], vectors, fields=columns)
        self._num_waiting += len(chosen)

    def _refuse(self, encoded: EncodedPictures, target: Target) -> None:
        """Let the index know what could not be read, so that it is not read again."""
        renamed = [replace(one, path=target.rename(one.path)) for one in encoded.refused]
        skipped = [one for one in renamed if target.holds(one.path)]
        self.skipped += skipped
        self._num_seen += len(renamed)
        if encoded.plan.sources.kind == "folders":
            refused = RefusedFiles(self.writer.path, reader_identity(encoded.plan.max_pixels))
            for one in skipped:
                refused.add(one)
            refused.save()

    def report(self, seconds: float) -> IndexReport:
        manifest = self.writer.manifest
        return IndexReport(
            num_added=self.num_added,
            num_updated=self.num_updated,
            num_unchanged=self.num_unchanged,
            num_renamed=0,
            num_removed=0,
            num_encoded=0,
            num_pictures=manifest.num_documents,
            skipped=tuple(self.skipped),
            absent=(),
            not_looked_at=NotLookedAt(),
            num_with_words=None,
            seconds=seconds,
            model_id=manifest.model_id,
            runtimes=manifest.runtimes,
            backend=manifest.backend,
            shard=Shard.of(manifest.options),
        )


def _numbers(values: Sequence[FieldValue]) -> list[int]:
    if not all(isinstance(value, int) for value in values):
        raise CorruptError("A part lacks the size or time of change of a picture.")
    return values  # type: ignore[return-value]


def _is_newer(known: KnownPictures, doc_id: str, mtime_ns: int) -> bool:
    return mtime_ns > known[doc_id].mtime_ns
