"""Results of a search: hits, each with the words that made its score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from lexret.explain.answers import Answer, ExplainingIndex
from lexret.library.asking.keyword_words import words_of_keywords
from lexret.library.asking.question import Understood
from lexret.library.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a picture: another file of the same bytes.

    Attributes:
        doc_id: its path relative to the indexed folder.
        path: its file.
    """

    doc_id: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Answer):
    """A picture that was found, and why.

    Attributes:
        path: its file; it may be gone since it was indexed.
        sure: whether it surely shows what was asked for; ``None`` where that was not judged.
        copies: the other files of the same bytes that fit as well, the one to keep first.
        from_keywords: those of ``words`` that a person vouched for by a keyword of the photo.
    """

    path: Path
    sure: bool | None = None
    copies: tuple[Copy, ...] = ()
    from_keywords: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        answer: Answer,
        snapshot: Snapshot,
        *,
        sure: bool | None = None,
        copies: Sequence[str] = (),
    ) -> Hit:
        """Return the hit that an answer of an index is.

        Args:
            copies: ids of its copies.
        """
        vouched = words_of_keywords(snapshot.index, answer.doc_id)
        return cls(
            answer.doc_id, answer.score, answer.rank, answer.words, answer.asked,
            path=snapshot.file_of(answer.doc_id), sure=sure,
            copies=tuple(Copy(other, snapshot.file_of(other)) for other in copies),
            from_keywords=tuple(word.word for word in answer.words if word.word in vouched),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Results(Sequence[Hit]):
    """What a search found: a sequence of hits, the best first.

    Attributes:
        hits: at most as many as were asked for.
        notes: what is to be told about the question, such as words that the vocabulary lacks.
        more: whether more pictures fit.
        num_unsure: hits that were left out as they are not surely enough a match.
        understood: the question and the query that it means.
        snapshot: the commit of the index that was searched.
        searched: what answered: the index, or a view of it without copies.
    """

    hits: tuple[Hit, ...]
    notes: tuple[str, ...]
    more: bool
    num_unsure: int
    understood: Understood
    snapshot: Snapshot
    searched: ExplainingIndex

    @property
    def num_sure(self) -> int | None:
        """How many of the hits are sure; ``None`` where that was not judged."""
        judged = [hit.sure for hit in self.hits if hit.sure is not None]
        return sum(judged) if judged else None

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...

    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]
