"""Documents that have a text of a field in common, such as the hash of a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.query import Query
from lexret.engine.segments.segment import Segment
from lexret.engine.store.columns import FieldValue, encode_text


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document, and where an index has its fields.

    Attributes:
        doc_id: its id.
    """

    doc_id: str
    _segment: Segment = field(repr=False)
    _place: int = field(repr=False)

    def value(self, name: str) -> FieldValue:
        """Return one of its fields, ``None`` if it does not have it."""
        return self._segment.value(name, self._place)


def find_documents(index: EmbeddedIndex, doc_ids: Sequence[str]) -> list[FoundDocument]:
    """Return some documents of an index, in no order; ids that it does not hold are left out.

    Raises:
        InputError: if an id cannot be one.
    """
    left = {doc_id: encode_text(doc_id, what="Document id") for doc_id in doc_ids}
    found = []
    for segment in index.segments:
        names = list(left)
        for doc_id, place in zip(names, segment.find(list(left.values())), strict=True):
            if place >= 0 and (segment.deleted is None or not segment.deleted[place]):
                found.append(FoundDocument(doc_id, segment, place))
                del left[doc_id]
        if not left:
            break
    return found


def documents_with(
    index: EmbeddedIndex, name: str, texts: Collection[str], query: Query
) -> list[FoundDocument]:
    """Return the documents whose text in a field is one of some, and that meet a query's filters.

    Of the query, only its filters count, and the documents that are to be no hits: documents of
    the same vector all meet the rest of it, or none does.

    Args:
        texts: of at least 4 bytes; shorter ones match no document.
    """
    found = [
        FoundDocument(segment.doc_id(place), segment, place)
        for segment in index.segments
        for place in segment.with_texts(name, texts).tolist()
    ]
    without = set(query.without)
    return [document for document in found
            if document.doc_id not in without and _meets(document, query)]  # fmt: skip


def _meets(document: FoundDocument, query: Query) -> bool:
    return all(
        condition.meets(document.doc_id, document.value) != condition.negated
        for condition in query.filters
    )
