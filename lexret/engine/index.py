"""Embedded index: exact search over a folder opened through memory maps, without a server."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from lexret.arguments import require_several
from lexret.engine.corrections.corrections import NO_CORRECTIONS, Corrections, load_corrections
from lexret.engine.postings.acceleration import Engine, require_compiled
from lexret.engine.protocol import Document, SearchHit
from lexret.engine.query.checks import check_is_query, check_query, check_terms, check_vectors
from lexret.engine.searcher import Searcher
from lexret.engine.segments.manifest import Manifest
from lexret.engine.segments.segment import Segment
from lexret.engine.segments.stored_documents import Places
from lexret.engine.snapshot_files import SnapshotFiles
from lexret.engine.store.columns import FieldValue, decode_text, encode_text
from lexret.errors import InputError, MissingError
from lexret.sparse import FloatArray, IdArray, LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lexret.engine.corrections.corrected_view import CorrectedView
    from lexret.engine.query.query import Query

_PLACES_KEPT: Final = 1 << 12


class EmbeddedIndex:
    """Snapshot of the index at ``path``: an immutable view of its last commit.

    Later commits, merges and deletions by a writer do not change it. Threads may share it.

    Args:
        corrections: applied to all weights and searches. The corrections stored next to the index
            are not read here; :func:`open_index` does that.
        engine: ``numpy``; ``compiled`` (numba, of ``lexret[fast]``); or ``auto``, which starts
            with numpy and loads numba, if it is installed, once that is worth it. All give the
            same answers to the last bit.
        threads: how many queries of a batch are searched at a time.
        manifest: the commit to open, if it was read before; by default the newest.
        parts: open snapshots to join; ``manifest`` then describes what they hold together; see
            :func:`lexret.engine.joined.join_indexes`.

    Raises:
        InputError: if there is no such engine, or ``threads`` is less than 1.
        MissingError: if there is no index at ``path``, or ``engine`` is ``compiled`` and numba
            cannot be loaded.
        DamageError: if a file is missing, has another size than the index says, or if what is read
            at once is damaged. Everything else is checked when it is first read, so that searches
            and all other calls may raise it as well.
        CorruptError: if the index is of an unknown version.
    """

    def __init__(
        self,
        path: Path,
        *,
        corrections: Corrections = NO_CORRECTIONS,
        engine: Engine = "auto",
        threads: int = 1,
        manifest: Manifest | None = None,
        parts: Sequence[EmbeddedIndex] = (),
    ) -> None:
        if engine == "compiled":
            require_compiled()
        if threads < 1:
            raise InputError(f"A search takes at least 1 thread; found {threads}.")
        self._path, self._threads = Path(path), threads
        self._corrections = corrections
        self._parts = tuple(parts)
        self._files: SnapshotFiles = (
            SnapshotFiles.join([part._files for part in parts], manifest)
            if parts and manifest is not None
            else SnapshotFiles.open(self._path, manifest)
        )
        self._searcher = Searcher(self._files.segments, engine=engine)
        # What is done with a hit asks for its place several times.
        self._find = lru_cache(_PLACES_KEPT)(partial(_live_place, self._files.segments))

    @property
    def path(self) -> Path:
        """The folder of the index; of several, that of the first."""
        return self._path

    @property
    def parts(self) -> tuple[EmbeddedIndex, ...]:
        """The joined indexes, each with its own folder; usually only this one."""
        return self._parts or (self,)

    @property
    def places(self) -> str:
        """The folders of its parts, for messages."""
        return ", ".join(str(part.path) for part in self.parts)

    def part_of(self, doc_id: str) -> EmbeddedIndex:
        """Return the index that holds a document; raises MissingError if none does."""
        for part in self.parts:
            if doc_id in part:
                return part
        raise self._missing(doc_id)

    def uncorrected(self) -> EmbeddedIndex:
        """Return the same snapshot without corrections: what the model made."""
        return EmbeddedIndex(self._path, manifest=self.manifest, parts=self.parts)

    @property
    def manifest(self) -> Manifest:
        """The manifest of the commit: model, roots, segments, commit number."""
        return self._files.manifest

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        return self._files.vocabulary()

    @property
    def model_id(self) -> str:
        """Identity of what made the vectors."""
        return self.manifest.model_id

    def require_own_vectors(self) -> None:
        """Raise InputError if another engine holds the vectors.

        Everything that reads postings calls this first: the postings of such an index are empty.
        """
        backend = self.manifest.backend
        if backend is not None:
            raise InputError(
                f"The vectors of the index at {self._path} are in {backend.name}, and what was "
                "asked for reads all of them here, which that backend does not offer. Do it with "
                "an index that holds its own: lexret index --rebuild --backend embedded."
            )

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of this snapshot; they stay readable after others are merged from them."""
        return self._files.segments

    @property
    def num_postings(self) -> int:
        """Number of stored weights, including those of deleted documents not yet merged away."""
        return sum(segment.entry.num_postings for segment in self.segments)

    def __len__(self) -> int:
        """Number of live documents."""
        return self.manifest.num_documents

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` documents for each query; see :meth:`Index.search`."""
        self.require_own_vectors()
        check_query(self.manifest.vocabulary_fingerprint, lambda: self.vocabulary, queries, k=k)
        if self._corrections:
            from lexret.engine.query.query import Query

            wanted = [Query(vector=query) for query in queries]
            return [self._corrected.find(query, self._find_uncorrected, k) for query in wanted]
        return self._searcher.search(queries, k=k, threads=self._threads)

    @property
    def corrections(self) -> Corrections:
        """The corrections that are applied to all weights and searches."""
        return self._corrections

    @cached_property
    def _corrected(self) -> CorrectedView:
        from lexret.engine.corrections.corrected_view import CorrectedView

        return CorrectedView(self, self._corrections)

    @property
    def columns(self) -> dict[str, str]:
        """The fields that documents have: name -> ``int64``, ``float64`` or ``text``."""
        return dict(self.manifest.columns)

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Return the exact top ``k`` documents for a whole query; see :class:`Query`."""
        check_is_query(query)
        fingerprint = self.manifest.vocabulary_fingerprint
        check_vectors(fingerprint, lambda: self.vocabulary, query.vectors(), k=k)
        for vector in query.vectors():
            vector.as_batch()  # checks it: a vector made by hand may break the rules
        check_terms(query.conditional_terms(), num_words=self.manifest.num_words)
        if self._corrections:
            return self._corrected.find(query, self._find_uncorrected, k)
        return self._find_uncorrected(query, k)

    def _find_uncorrected(self, query: Query, k: int) -> list[SearchHit]:
        """Answer a checked query from the stored weights, without corrections."""
        self.require_own_vectors()
        return self._searcher.find(query, k)

    def score_moments(self, query: LexicalVector) -> tuple[float, float]:
        """Return the mean and the standard deviation of the scores of all live documents.

        Corrections are ignored: those of single documents hardly change the result.
        """
        self.require_own_vectors()
        return self._searcher.score_moments(query)

    def weights(
        self, doc_ids: Sequence[str], term_ids: Sequence[int] | npt.NDArray[np.int32]
    ) -> FloatArray:
        """Return the corrected weights of some words in some documents.

        Returns:
            (len(doc_ids), len(term_ids)) float32; 0 where a document does not hold a word.

        Raises:
            MissingError: if a document is not in the index.
            InputError: if a term id is outside of the vocabulary.
        """
        require_several(doc_ids, "document ids")
        terms = np.asarray(term_ids, dtype=np.int32)
        num_words = self.manifest.num_words
        if len(terms) and (int(terms.min()) < 0 or int(terms.max()) >= num_words):
            raise InputError(
                f"Term ids run from {terms.min()} to {terms.max()}; expected 0 to {num_words - 1}."
            )
        weights = self._stored_weights(doc_ids, terms)
        return self._corrected.apply(doc_ids, terms, weights) if self._corrections else weights

    def _stored_weights(self, doc_ids: Sequence[str], terms: IdArray) -> FloatArray:
        """Return the (len(doc_ids), len(terms)) weights as stored, without corrections."""
        self.require_own_vectors()
        weights = np.zeros((len(doc_ids), len(terms)), dtype=np.float32)
        by_segment: dict[int, list[tuple[int, int]]] = {}
        for row, doc_id in enumerate(doc_ids):
            number, document = self._locate(doc_id)
            by_segment.setdefault(number, []).append((row, document))
        for number, places in by_segment.items():
            documents = np.array([document for _, document in places], dtype=np.int32)
            rows = [row for row, _ in places]
            weights[rows] = self.segments[number].weights_at(documents, terms)
        return weights

    def stored_vectors(self, segment: Segment, places: Places) -> SparseBatch:
        """Return the vectors of documents of a segment, numbered rising, without corrections."""
        from lexret.engine.segments.segment_vectors import vectors_at  # not needed by a search

        self.require_own_vectors()
        return vectors_at(segment, places, self.vocabulary)

    def vector(self, doc_id: str) -> LexicalVector:
        """Return the corrected vector of a document; raises MissingError if there is none."""
        every = np.arange(self.manifest.num_words, dtype=np.int32)
        row = self.weights([doc_id], every)[0]
        term_ids = np.flatnonzero(row).astype(np.int32)
        return LexicalVector(term_ids, row[term_ids], self.vocabulary)

    def document(self, doc_id: str) -> Document:
        """Return a document's fields; raises MissingError if it is not in the index."""
        number, place = self._locate(doc_id)
        segment = self.segments[number]
        return Document(
            doc_id, {name: segment.value(name, place) for name in self.manifest.columns}
        )

    def documents(self) -> Iterator[Document]:
        """Yield all live documents and their fields, segment by segment."""
        names = list(self.manifest.columns)
        for segment in self.segments:
            for places in segment.live():
                ids = map(decode_text, segment.ids_at(places))
                yield from map(Document, ids, segment.fields_of(names, places))

    def field_values(self, name: str | None) -> list[FieldValue]:
        """Return a field of all live documents, in the order of :meth:`documents`.

        Args:
            name: the field, ``None`` standing for the documents' ids; a value that is missing is
                ``None``.
        """
        values: list[FieldValue] = []
        for segment in self.segments:
            values += segment.live_values(name)
        return values

    def check_fields(self) -> None:
        """Compare all ids and fields with their checksums; raises DamageError."""
        for segment in self.segments:
            segment.check_fields()

    def doc_ids(self) -> list[str]:
        """Return the ids of all live documents in rising order."""
        return [decode_text(encoded) for encoded in heapq.merge(*map(_live_ids, self.segments))]

    def __contains__(self, doc_id: object) -> bool:
        return isinstance(doc_id, str) and self._find(doc_id) is not None

    def verify(self) -> None:
        """Read every file and compare it with its checksum; raises DamageError."""
        if self._parts:
            for part in self._parts:
                part.verify()
            return
        self._files.verify()

    def num_bytes(self) -> int:
        """Return the bytes that the files of this commit take, without the lock file."""
        if self._parts:
            return sum(part.num_bytes() for part in self._parts)
        return self._files.num_bytes()

    def _locate(self, doc_id: str) -> tuple[int, int]:
        place = self._find(doc_id)
        if place is None:
            raise self._missing(doc_id)
        return place

    def _missing(self, doc_id: str) -> MissingError:
        return MissingError(f"The index at {self.places} holds no document {doc_id!r}.")


def open_index(path: str | Path, *, engine: Engine = "auto", threads: int = 1) -> EmbeddedIndex:
    """Open the index at ``path``, with its corrections, for reading.

    See :class:`EmbeddedIndex` and :func:`lexret.engine.corrections.corrections.load_corrections`
    for what is raised.
    """
    corrections = load_corrections(Path(path))
    return EmbeddedIndex(Path(path), corrections=corrections, engine=engine, threads=threads)


def _live_place(segments: Sequence[Segment], doc_id: str) -> tuple[int, int] | None:
    """Return the number of a document's segment, and its number there; None if none is live."""
    encoded = encode_text(doc_id, what="Document id")
    for number, segment in enumerate(segments):
        place = segment.find([encoded])[0]
        if place >= 0 and (segment.deleted is None or not segment.deleted[place]):
            return number, place
    return None


def _live_ids(segment: Segment) -> list[bytes]:
    ids = segment.ids()
    if segment.deleted is None:
        return ids
    return [
        doc_id for doc_id, deleted in zip(ids, segment.deleted.tolist(), strict=True) if not deleted
    ]
