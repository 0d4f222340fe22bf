"""Copies: pictures whose files hold the same bytes, which a search counts as one.

Copies have one vector, so that they have one score and all meet the conditions on words or none
does. Filters are held against each: a copy that they leave out does not count. A copy that was
corrected on its own, or that has keywords of its own that count as words, is another picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lexret.engine.corrections.corrections import DocumentCorrection
from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import SearchHit
from lexret.engine.query.query import Query
from lexret.engine.shared_text import FoundDocument, documents_with, find_documents
from lexret.engine.store.columns import FieldValue
from lexret.explain.answers import ExplainingIndex
from lexret.library.asking.query_fields import VOUCHED
from lexret.sparse import FloatArray, IdArray, SparseBatch
from lexret.vocabulary import Vocabulary

CONTENT: Final = "sha256"
CHANGED: Final = "mtime_ns"
# Copies are the same picture where all of these are equal: content, and what changes its vector.
_Sameness = tuple[object, ...]
_EVERYTHING: Final = Query()


@dataclass(frozen=True, slots=True)
class _Group:
    """Pictures of one file that a query lets in, the one to show first."""

    doc_ids: tuple[str, ...]


def searched_view(
    index: ExplainingIndex, pictures: EmbeddedIndex, *, copies: bool
) -> tuple[ExplainingIndex, Callable[[str], tuple[str, ...]]]:
    """Return what is to be searched, and what tells the copies of its hits.

    Args:
        index: where the hits come from: the embedded index, or a mirror of it.
        pictures: the embedded index.
        copies: whether each copy is a hit of its own.
    """
    if copies:
        return index, lambda _doc_id: ()
    view = WithoutCopies(index, pictures)
    return view, view.copies_of


class WithoutCopies:
    """View of an index in which pictures of the same file are one hit.

    Of the copies that a query lets in, the one that `lexret duplicates` keeps is shown: the oldest
    by the time of change, then that of the shortest path, then by path. It stands where the first
    of them would stand. Not to be shared by threads.

    Args:
        index: where the hits come from: the embedded index, or a mirror of it.
        pictures: the embedded index.
        shown: a picture that is shown rather than its copies.
    """

    def __init__(
        self, index: ExplainingIndex, pictures: EmbeddedIndex, *, shown: str | None = None
    ) -> None:
        self._index, self._pictures, self._shown = index, pictures, shown
        self._query = _EVERYTHING
        self._groups: dict[str, _Group] = {}

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        return self._index.vocabulary

    @property
    def model_id(self) -> str:
        """Identity of what made the vectors."""
        return self._index.model_id

    def __len__(self) -> int:
        """Number of pictures, copies included."""
        return len(self._index)

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the top ``k`` pictures for each query, copies counting as one."""

        def fetching(query: SparseBatch) -> Callable[[int], list[SearchHit]]:
            return lambda number: self._index.search(query, k=number)[0]

        return [self._collapsed(fetching(query.as_batch()), _EVERYTHING, k) for query in queries]

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Return the top ``k`` pictures for a whole query, copies counting as one."""
        return self._collapsed(lambda number: self._index.find(query, k=number), query, k)

    def weights(self, doc_ids: Sequence[str], term_ids: IdArray) -> FloatArray:
        """Return the (len(doc_ids), len(term_ids)) weights of words in pictures."""
        return self._index.weights(doc_ids, term_ids)

    def copies_of(self, doc_id: str) -> tuple[str, ...]:
        """Return the other copies of a hit that the last query lets in, the one to keep first."""
        group = self._groups.get(doc_id)
        return () if group is None else tuple(other for other in group.doc_ids if other != doc_id)

    def _collapsed(
        self, fetch: Callable[[int], list[SearchHit]], query: Query, k: int
    ) -> list[SearchHit]:
        """Return one hit for each group, asking for more where copies take the places of others."""
        if query.filters is not self._query.filters or query.without is not self._query.without:
            self._query, self._groups = query, {}
        wanted = k
        while True:
            hits = fetch(wanted)
            self._learn([hit.doc_id for hit in hits if hit.doc_id not in self._groups])
            first: dict[str, SearchHit] = {}
            for hit in hits:
                first.setdefault(self._groups[hit.doc_id].doc_ids[0], hit)
            if len(first) >= k or len(hits) < wanted:
                break
            num_extra = sum(len(self._groups[doc_id].doc_ids) - 1 for doc_id in first)
            wanted = max(k + num_extra, 2 * wanted)  # at most doubling: few rounds for any copies
        ranked = list(first.items())[:k]
        return [SearchHit(doc_id, hit.score, rank)
                for rank, (doc_id, hit) in enumerate(ranked, start=1)]  # fmt: skip

    def _learn(self, doc_ids: Sequence[str]) -> None:
        """Look for the groups of some pictures."""
        if not doc_ids:
            return
        asked = find_documents(self._pictures, doc_ids)
        contents = {str(content) for document in asked
                    if (content := document.value(CONTENT)) is not None}  # fmt: skip
        groups: dict[_Sameness, list[FoundDocument]] = {}
        for document in documents_with(self._pictures, CONTENT, contents, self._query):
            groups.setdefault(self._sameness(document), []).append(document)
        for documents in groups.values():
            if len(documents) > 1:
                group = _Group(tuple(d.doc_id for d in sorted(documents, key=self._preference)))
                self._groups |= dict.fromkeys(group.doc_ids, group)
        for doc_id in doc_ids:
            self._groups.setdefault(doc_id, _Group((doc_id,)))

    def _sameness(self, document: FoundDocument) -> _Sameness:
        correction = self._pictures.corrections.documents.get(document.doc_id)
        changed = sameness_of_correction(correction)
        return document.value(CONTENT), document.value(VOUCHED), changed

    def _preference(self, document: FoundDocument) -> tuple[bool, int, int, str]:
        ranked = preference(document.doc_id, document.value(CHANGED))
        return (document.doc_id != self._shown, *ranked)


def sameness_of_correction(correction: DocumentCorrection | None) -> _Sameness | None:
    """Return what is equal for copies that were corrected alike."""
    if correction is None:
        return None
    return tuple(sorted(correction.added.items())), tuple(sorted(correction.removed))


def preference(doc_id: str, changed: FieldValue) -> tuple[int, int, str]:
    """Return by what copies are ordered: the oldest, then that of the shortest path, then by path.

    Args:
        changed: when the file was last changed.
    """
    return changed if isinstance(changed, int) else 0, len(doc_id), doc_id
