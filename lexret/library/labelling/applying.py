"""Puts the classes of a label into the index, and takes them out again.

Beside the label's field stands its mark: which label, in which state, wrote what for which content.
So what a person put into the field is known, and stays; so are pictures that are new or changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.store.columns import FieldValue
from lexret.engine.vectors import DocumentChunk, read_documents
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import OutdatedLabelError
from lexret.interop.backends import open_writer
from lexret.library.label_file import NONE, Label
from lexret.library.labelling.class_means import ClassMeans, WordShare, means_of
from lexret.library.labelling.near_misses import NearMisses
from lexret.library.labelling.reports import ApplyReport, LabelledPicture
from lexret.sparse import LexicalVector, SparseBatch

WORDS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of pictures one by one: those that change, and some that are nearly sure enough.

    Attributes:
        num_near: how many of the latter, of each class.
    """

    num_near: int


@dataclass(frozen=True, slots=True)
class _Decided:
    """Class that a picture gets.

    Attributes:
        row: of the picture, in its chunk.
        class_name: the class; :data:`NONE`: none of them.
        sure: how sure the nearest class is.
        nearest: that class; None for an example, which has its own.
    """

    row: int
    class_name: str
    sure: float
    nearest: str | None


class Application:
    """One look at all pictures of an index with a label."""

    def __init__(self, label: Label, at_least: float, *, overwrite: bool) -> None:
        self._label, self._at_least, self._overwrite = label, at_least, overwrite
        self._given = {e.sha256: e.class_name for e in label.examples if e.sha256}
        self._counts: Counter[str] = Counter({name: 0 for name in (*label.classes, NONE)})
        self._pictures: list[LabelledPicture] = []
        self._near = self._near_misses(0)
        self.num_changed = self.num_by_hand = self.num_written = 0

    def look(
        self,
        index: EmbeddedIndex,
        *,
        told: Told | None = None,
        writer: EmbeddedIndexWriter | None = None,
    ) -> None:
        """Decide on all pictures, and write or tell what is decided."""
        require_same_model(self._label, index)
        self._near = self._near_misses(told.num_near if told else 0)
        means = means_of(self._label, index.vocabulary, without=index.corrections.muted)
        for chunk in read_documents(index):
            vectors = _corrected(index, chunk)
            for decided in self._decided(means, chunk, vectors):
                self._take(chunk, decided, means if told else None, vectors, writer)

    def _near_misses(self, num_told: int) -> NearMisses:
        classes = [name for name in self._label.classes if name != NONE]
        return NearMisses(classes, self._at_least, num_told)

    def _decided(
        self, means: ClassMeans, chunk: DocumentChunk, vectors: SparseBatch
    ) -> Iterator[_Decided]:
        decision = means.decide(vectors)
        for row, document in enumerate(chunk.documents):
            given = self._given.get(str(document.fields.get("sha256")))
            if given is not None:
                yield _Decided(row, given, 1.0, None)
                continue
            sure = float(decision.sure_N[row])
            name = self._label.classes[int(decision.classes_N[row])]
            yield _Decided(row, name if sure >= self._at_least else NONE, sure, name)

    def _take(
        self,
        chunk: DocumentChunk,
        decided: _Decided,
        told_by: ClassMeans | None,
        vectors: SparseBatch,
        writer: EmbeddedIndexWriter | None,
    ) -> None:
        document, label, class_name = chunk.documents[decided.row], self._label, decided.class_name
        now, mark = document.fields.get(label.field), document.fields.get(label.mark)
        if not self._overwrite and _is_by_hand(now, mark):
            self.num_by_hand += 1
            self._counts[str(now or NONE)] += 1
            return
        self._counts[class_name] += 1
        changes = (now or NONE) != class_name
        self.num_changed += changes
        before = None if now is None else str(now)

        def told(name: str) -> LabelledPicture:
            words: tuple[WordShare, ...] = ()
            if decided.nearest is not None and told_by is not None:
                words = tuple(told_by.reasons(vectors.row(decided.row), k=WORDS_TOLD))
            return LabelledPicture(document.doc_id, name, decided.sure, before, words)

        nearest = decided.nearest
        if nearest is not None and nearest != NONE:
            self._near.take(nearest, decided.sure, lambda: told(nearest))
        if told_by is not None and (class_name or changes):
            self._pictures.append(told(class_name))
        fresh = label.mark_of(str(document.fields.get("sha256") or ""), class_name)
        if writer is not None and (changes or mark != fresh):
            fields = {**document.fields, label.field: class_name or None, label.mark: fresh}
            _rewrite(writer, document.doc_id, fields, chunk.vectors.row(decided.row))
            self.num_written += 1

    def report(self) -> ApplyReport:
        """Return what was done or would be; pictures by class, the surest first."""
        pictures = sorted(self._pictures, key=lambda one: (one.class_name, -one.sure, one.doc_id))
        return ApplyReport(
            dict(self._counts), self.num_changed, self.num_by_hand, tuple(pictures),
            self._near.reach(), self._near.told(),
        )  # fmt: skip


def clear(index_path: Path, label: Label, *, keep_field: bool = False) -> int:
    """Take a label's classes and marks out of an index; return how many pictures lost a class."""
    num_changed = num_written = 0
    with open_writer(index_path) as writer:
        index = writer.snapshot()
        if label.mark not in index.columns:
            return 0
        for chunk in read_documents(index):
            for document, vector in zip(chunk.documents, chunk.vectors, strict=True):
                mark = document.fields.get(label.mark)
                if mark is None:
                    continue
                fields = {**document.fields, label.mark: None}
                given = document.fields.get(label.field)
                if not keep_field and given is not None and given == _class_of(mark):
                    fields[label.field] = None
                    num_changed += 1
                _rewrite(writer, document.doc_id, fields, vector)
                num_written += 1
        if num_written:
            writer.commit()
    return num_changed


def _corrected(index: EmbeddedIndex, chunk: DocumentChunk) -> SparseBatch:
    """Return the vectors of a chunk as people corrected them."""
    corrected = index.corrections.documents
    if not any(document.doc_id in corrected for document in chunk.documents):
        return chunk.vectors
    rows = [
        index.vector(document.doc_id) if document.doc_id in corrected else vector
        for document, vector in zip(chunk.documents, chunk.vectors, strict=True)
    ]
    return SparseBatch.from_vectors(rows, index.vocabulary)


def require_same_model(label: Label, index: EmbeddedIndex) -> None:
    """Raise OutdatedLabelError where another model made the index than the label's examples."""
    mine = (index.model_id, index.manifest.vocabulary_fingerprint)
    if (label.model_id, label.fingerprint) != mine:
        raise OutdatedLabelError(
            f"The label {label.name!r} was trained with the model {label.model_id}, but the index "
            f"at {index.path} was made with {index.model_id}. Train it again from its examples: "
            f"lexret label train {label.name}"
        )


def _is_by_hand(now: FieldValue, mark: FieldValue) -> bool:
    """Whether a person changed what a label wrote, or gave a value before it did."""
    return now is not None if mark is None else (now or NONE) != _class_of(mark)


def _class_of(mark: FieldValue) -> str:
    return str(mark).split(" ", 2)[2]


def num_waiting(label: Label, index: EmbeddedIndex) -> int:
    """Return how many pictures an applied label has not seen as they are; 0 if it never was."""
    if label.mark not in index.columns:
        return 0
    is_same = (label.model_id, label.fingerprint) == (
        index.model_id, index.manifest.vocabulary_fingerprint
    )  # fmt: skip
    columns = [index.field_values(name) for name in (label.mark, label.field, "sha256")]
    waiting = 0
    for mark, now, sha256 in zip(*columns, strict=True):
        begins = label.mark_of(str(sha256 or ""), "")
        is_known = is_same and mark is not None and str(mark).startswith(begins)
        waiting += not is_known and not _is_by_hand(now, mark)
    return waiting


def _rewrite(
    writer: EmbeddedIndexWriter,
    doc_id: str,
    fields: Mapping[str, FieldValue],
    vector: LexicalVector,
) -> None:
    """Add a document again with other fields, its vector as it is."""
    columns = {name: [value] for name, value in fields.items()}
    writer.add([doc_id], vector.as_batch(), fields=columns)
