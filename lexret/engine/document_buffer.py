"""Documents that were added to an index and are in no segment yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lexret.engine.segments.segment_writer import SegmentContents, from_vectors
from lexret.engine.store.columns import Column, FieldValue, extend_schema
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True)
class _BufferedDocument:
    """Vector and fields of a document."""

    vector: LexicalVector
    fields: Mapping[str, FieldValue]


class DocumentBuffer:
    """Buffer of documents, the last of each id.

    Args:
        columns: the fields that the index has: name -> type.

    Attributes:
        columns: those that it has with what was added; they stay when the buffer is emptied.
        num_postings: words of all its vectors.
    """

    def __init__(self, vocabulary: Vocabulary, columns: Mapping[str, str]) -> None:
        self._vocabulary = vocabulary
        self.columns = dict(columns)
        self._documents: dict[bytes, _BufferedDocument] = {}
        self.num_postings = 0

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._documents)

    def __contains__(self, doc_id: bytes) -> bool:
        return doc_id in self._documents

    def add(
        self,
        doc_ids: Sequence[bytes],
        batch: SparseBatch,
        fields: Mapping[str, Sequence[FieldValue]],
    ) -> None:
        """Add one document per row; a document of the same id is replaced, fields included.

        Raises:
            InputError: if the fields are not those of the index, or of other types.
        """
        self.columns = extend_schema(self.columns, fields, num_documents=len(doc_ids))
        for row, (doc_id, vector) in enumerate(zip(doc_ids, batch, strict=True)):
            old = self._documents.get(doc_id)
            self.num_postings += len(vector) - (len(old.vector) if old else 0)
            values = {name: column[row] for name, column in fields.items()}
            self._documents[doc_id] = _BufferedDocument(vector, values)

    def drop(self, doc_id: bytes) -> None:
        """Drop a document, if it is here."""
        if doc_id in self._documents:
            self.num_postings -= len(self._documents.pop(doc_id).vector)

    def contents(self) -> SegmentContents:
        """Return the documents as the contents of a segment, in rising order of their ids."""
        ids = sorted(self._documents)
        rows = [self._documents[doc_id] for doc_id in ids]
        batch = SparseBatch.from_vectors([row.vector for row in rows], self._vocabulary)
        columns = {
            name: Column(kind, [row.fields.get(name) for row in rows])
            for name, kind in self.columns.items()
        }
        return from_vectors(ids, batch, columns)

    def clear(self) -> None:
        """Drop all documents."""
        self._documents, self.num_postings = {}, 0
