"""Writer of the embedded index: buffers changes, commits them at once, merges segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from lexret.arguments import require_several
from lexret.engine.commits import Commits
from lexret.engine.corrections.corrections import (
    ChangeOfCorrections,
    change_corrections,
    settle_corrections,
)
from lexret.engine.document_buffer import DocumentBuffer
from lexret.engine.index import EmbeddedIndex
from lexret.engine.open_segments import OpenSegments
from lexret.engine.place import has_index
from lexret.engine.segments.manifest import (
    CODECS,
    PRECISIONS,
    BackendEntry,
    Manifest,
    missing_file,
)
from lexret.engine.store.columns import FieldValue, encode_text
from lexret.engine.store.sections import storage_errors
from lexret.errors import HeldElsewhereError, InputError, MissingError
from lexret.files.locks import WriterLock
from lexret.sparse import SparseBatch, VectorPrecision
from lexret.vocabulary import Vocabulary

MAX_BUFFERED_POSTINGS: Final = 1 << 24
MAX_OPEN_SEGMENTS: Final = 24


class EmbeddedIndexWriter:
    """Writer of the index in a folder; use it in a ``with`` statement, which releases its lock.

    Readers see nothing before :meth:`commit`, and what was not committed is dropped when the
    statement ends. An index has one writer at a time, made by :meth:`create` or :meth:`open`.
    """

    backend_name: ClassVar[str | None] = None
    """The engine that stores the vectors; ``None``: the segments do."""

    def __init__(
        self, path: Path, commits: Commits, vocabulary: Vocabulary, lock: WriterLock
    ) -> None:
        self._path, self._commits, self._vocabulary, self._lock = path, commits, vocabulary, lock
        self._reset()

    @classmethod
    def create(
        cls,
        path: str | Path,
        vocabulary: Vocabulary,
        *,
        model_id: str,
        model_source: str | None = None,
        roots: Sequence[str] = (),
        weights: str = "exact",
        precision: VectorPrecision = "float32",
        options: Sequence[str] = (),
        runtimes: Sequence[str] = (),
        replace_existing: bool = False,
        backend: BackendEntry | None = None,
    ) -> Self:
        """Start a new, empty index, which exists from its first commit on.

        Args:
            model_id: identity of what makes the vectors; recorded.
            model_source: where to load it from again; recorded.
            roots: folders that the documents come from, relative to ``path``; recorded.
            weights: ``exact`` (float32) or ``8bit``
                (:data:`lexret.engine.postings.weight_codes.MAX_ERROR`).
            precision: what the vectors are computed in; recorded.
            options: what was chosen for the documents; recorded.
            runtimes: the programs that computed vectors that will be copied here; recorded.
            replace_existing: replace an existing index, readable or not, with the first commit.
            backend: what takes the vectors, for the writers of such indexes; recorded.

        Raises:
            InputError: if there is an index and ``replace_existing`` is not set, or ``weights``
                or ``precision`` is unknown.
            LockedError: if another writer holds the folder.
            StorageError: if the folder cannot be made or written.
        """
        if weights not in CODECS:
            raise InputError(f"Weights are stored as one of {list(CODECS)}; found {weights!r}.")
        if precision not in PRECISIONS:
            raise InputError(
                f"Vectors are computed in one of {list(PRECISIONS)}; found {precision!r}."
            )
        folder = Path(path)
        cls._require_mine(folder, backend)
        manifest = Manifest(
            generation=0,
            vocabulary_file=f"vocabulary-{vocabulary.fingerprint[:12]}.txt",
            vocabulary_fingerprint=vocabulary.fingerprint,
            num_words=len(vocabulary),
            model_id=model_id,
            model_source=model_source,
            roots=tuple(roots),
            weights=weights,
            precision=precision,
            options=tuple(options),
            runtimes=tuple(runtimes),
            backend=backend,
        )
        with _locked(folder, make=True) as lock:
            with storage_errors(folder):
                settle_corrections(folder)
            commits = Commits.begin(folder, manifest, replace_existing=replace_existing)
            return cls(folder, commits, vocabulary, lock)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open an existing index to change it.

        Raises:
            MissingError: if there is none.
            DamageError: if it is damaged.
            CorruptError: if it is of an unknown version.
            LockedError: if another writer holds it.
            StorageError: if the folder cannot be written.
        """
        folder = Path(path)
        if not has_index(folder):
            Manifest.load(folder)  # raises: a folder without an index gets no lock file
        with _locked(folder) as lock:
            try:
                return cls._open_locked(folder, lock)
            except FileNotFoundError as error:
                raise missing_file(folder, error) from error

    @classmethod
    def _open_locked(cls, folder: Path, lock: WriterLock) -> Self:
        manifest = Manifest.load(folder)
        cls._require_mine(folder, manifest.backend)
        words = folder / manifest.vocabulary_file
        vocabulary = manifest.parse_vocabulary(manifest.read_vocabulary(folder), words)
        with storage_errors(folder):
            settle_corrections(folder)
        commits = Commits(folder, manifest, is_new=False)
        writer = cls(folder, commits, vocabulary, lock)
        commits.renew_copy()
        commits.clean()
        return writer

    @classmethod
    def _require_mine(cls, folder: Path, backend: BackendEntry | None) -> None:
        """Raise HeldElsewhereError where vectors go to another engine than this writer's."""
        found = None if backend is None else backend.name
        if found != cls.backend_name:
            raise HeldElsewhereError(
                f"The vectors of the index at {folder} are in {found or 'its own segments'}, and "
                f"this would write them to {cls.backend_name or 'its own segments'}; open it with "
                "open_writer of the backends.",
                found,
            )

    def snapshot(self) -> EmbeddedIndex:
        """Open the index as last committed, without corrections."""
        return EmbeddedIndex(self._path, manifest=self._commits.last)

    @classmethod
    def mend(cls, path: Path, manifest: Manifest, vocabulary: Vocabulary, lock: WriterLock) -> Self:
        """Open what is whole of a damaged index; the next commit makes it the index.

        Args:
            manifest: names whole segments only.
            lock: of the folder, which the caller holds and releases.
        """
        return cls(path, Commits(path, manifest, is_new=True), vocabulary, lock)

    @property
    def path(self) -> Path:
        """The folder of the index."""
        return self._path

    @property
    def manifest(self) -> Manifest:
        """The last commit."""
        return self._commits.last

    def add(
        self,
        doc_ids: Sequence[str],
        batch: SparseBatch,
        *,
        fields: Mapping[str, Sequence[FieldValue]] | None = None,
    ) -> None:
        """Add one document per row; a document of the same id is replaced, fields included.

        Args:
            fields: name -> one value per document; all values of a name are int, float or str.

        Raises:
            InputError: if ids, rows and field values do not match.
            MismatchError: if the batch is of another vocabulary.
            StorageError: if a full buffer could not be written.
        """
        require_several(doc_ids, "document ids")
        fields = fields or {}
        if len(doc_ids) != len(batch):
            raise InputError(f"{len(doc_ids)} document ids stand beside {len(batch)} vectors.")
        self._vocabulary.require_same(
            batch.vocabulary, mine=f"the index at {self._path}", theirs="what is to be added"
        )
        if not all(doc_ids):
            raise InputError("A document id is empty; expected a text.")
        encoded = [encode_text(doc_id, what="Document id") for doc_id in doc_ids]
        self._buffer.add(encoded, batch, fields)
        if self._buffer.num_postings > MAX_BUFFERED_POSTINGS:
            self._flush()

    def note_runtime(self, runtime: str) -> None:
        """Record with the next commit of documents that a program computed vectors of them."""
        if runtime not in self._runtimes:
            self._runtimes.append(runtime)

    def delete(self, doc_ids: Sequence[str]) -> None:
        """Delete documents.

        Raises:
            MissingError: if one is not there; nothing is deleted then.
        """
        require_several(doc_ids, "document ids")
        encoded = sorted({encode_text(doc_id, what="Document id") for doc_id in doc_ids})
        found, missing = self._segments.find(encoded)
        missing = {doc_id for doc_id in missing if doc_id not in self._buffer}
        if missing:
            first = min(missing).decode("utf-8", "replace")
            more = f" ({len(missing)} such ids in all)" if len(missing) > 1 else ""
            raise MissingError(
                f"The index at {self._path} holds no document {first!r}{more}; nothing was deleted."
            )
        for opened, documents in found:
            opened.delete(documents)
        for doc_id in encoded:
            self._buffer.drop(doc_id)

    def commit(self, corrections: ChangeOfCorrections | None = None) -> None:
        """Make all changes since the last commit visible at once and durable.

        Segments that are merged are checked before, and so is a whole segment of an old format.

        Args:
            corrections: is given the corrections of the index and returns those that it has with
                this commit. They change in the same moment: whatever happens, both are old or new.

        Raises:
            StorageError: if writing fails; the changes are dropped, the last commit stands.
            DamageError: if what is merged is damaged; likewise.
        """
        try:
            with storage_errors(self._path):
                self._flush()
                generation = self._commits.next_generation
                self._segments.merge(generation=generation)
                if self._commits.is_new or self._segments.changed:
                    self._commits.make(
                        self._vocabulary,
                        columns=self._buffer.columns,
                        segments=self._segments.entries(generation=generation),
                        runtimes=self._runtimes,
                        corrections=corrections,
                    )
                    self._reset()
                elif corrections is not None:
                    change_corrections(self._path, corrections)
        except BaseException:
            self.rollback()
            raise
        self._commits.clean()

    def commit_roots(self, roots: Sequence[str], *, options: Sequence[str] | None = None) -> None:
        """Record other folders that the documents come from, in a commit that holds nothing else.

        Document ids may be relative to these folders: keep the first folder as it is, and delete
        the documents of a folder before the folder.

        Args:
            options: what is chosen for the documents from now on; by default as before.

        Raises:
            StorageError: if writing fails.
        """
        last = self._commits.last
        chosen = last.options if options is None else tuple(options)
        self._commits.record(replace(last, roots=tuple(roots), options=chosen))

    def rollback(self) -> None:
        """Drop all changes since the last commit."""
        self._commits.adopt_interrupted()
        self._segments.remove_others(self._commits.last.segments)
        self._reset()

    def close(self) -> None:
        """Drop what was not committed and release the lock; a second call does nothing."""
        if self._lock.held:
            if self._buffer or self._segments.changed:
                self.rollback()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reset(self) -> None:
        """Begin with what the last commit holds."""
        last = self._commits.last
        self._buffer = DocumentBuffer(self._vocabulary, last.columns)
        self._runtimes = list(last.runtimes)
        self._segments = OpenSegments(self._path, last.segments, weights=last.weights)

    def _flush(self) -> None:
        """Write the buffered documents to a segment that no manifest names yet."""
        if not self._buffer:
            return
        generation = self._commits.next_generation
        self._segments.write(self._buffer.contents(), generation=generation)
        self._buffer.clear()
        if len(self._segments) > MAX_OPEN_SEGMENTS:  # each keeps its files open
            with storage_errors(self._path):
                self._segments.merge(generation=generation)


@contextmanager
def _locked(folder: Path, *, make: bool = False) -> Iterator[WriterLock]:
    """Lock the folder of an index; the lock is released only where an error is raised.

    Args:
        make: make the folder where it is missing.

    Raises:
        LockedError: if another writer holds it.
        StorageError: if the folder cannot be written.
    """
    with storage_errors(folder):
        lock = WriterLock(folder, make=make)
    try:
        yield lock
    except BaseException:
        lock.release()
        raise
