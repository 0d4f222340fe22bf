"""Searches of the library: from a question to its hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lexret.arguments import require_text
from lexret.errors import InputError
from lexret.library.asking.finding import Backend, find
from lexret.library.asking.query_pictures import PathLike, PictureLike
from lexret.library.asking.question import NO_HOOKS, Hooks, Question, Understood, understand
from lexret.library.asking.results import Results
from lexret.library.facade.base import LibraryBase
from lexret.library.model_encoders import TextEncoderKind
from lexret.library.snapshots import Snapshot

if TYPE_CHECKING:
    from lexret.pictures.boxes import Box
    from lexret.sparse import LexicalVector


class SearchableLibrary(LibraryBase):
    """Library that can be searched; a part of :class:`~lexret.library.library.Library`."""

    def search(
        self,
        text: str = "",
        *,
        k: int = 10,
        image: PictureLike | Sequence[PictureLike] | None = None,
        box: Box | None = None,
        like: PathLike | Sequence[PathLike] | None = None,
        text_encoder: TextEncoderKind | None = None,
        backend: Backend | None = None,
        building: Callable[[], None] | None = None,
        max_false_matches: float | None = None,
        copies: bool = False,
    ) -> Results:
        """Find the pictures that match a text, pictures, or both, best first.

        Args:
            text: plain or in the query language; see docs/query-language.md.
            k: at most so many hits.
            image: one picture to look for or several: files, or pictures of Pillow (RGB, upright).
            box: the part that counts of the only picture to look for: x, y, width and height in
                pixels of its full size.
            like: one picture of the index to look for or several, by id or path; they are no hits.
            text_encoder: ``static`` or ``contextual``; by default static where there is one.
            backend: by default what holds the index's vectors, ``embedded`` or ``milvus``; or
                ``lucene``, for plain texts and pictures over an embedded index.
            building: is called before Lucene's index is made, which takes a while.
            max_false_matches: the share of searches for absent things that may find something; for
                plain texts.
            copies: make each copy of a file a hit; otherwise files of the same bytes are one hit,
                which names the others that match as well.

        Raises:
            QueryError: if the text breaks the query language; the message points at it.
            InputError: if there is nothing to look for, or an argument cannot be used.
            MissingError: if a picture, the index or the model is not there.
            MismatchError: if the model is not the one that made the index.
        """
        hint = "A picture is given as image=, one of the index as like=."
        require_text(text, "a query", hint=hint)
        snapshot = self.snapshot()
        question = Question.of(text, image=image, box=box, like=like, text_encoder=text_encoder)
        return self.find(
            self.understand(question, snapshot),
            snapshot,
            k=k,
            backend=backend,
            building=building,
            max_false_matches=max_false_matches,
            copies=copies,
        )

    def understand(
        self, question: Question, snapshot: Snapshot | None = None, *, hooks: Hooks = NO_HOOKS
    ) -> Understood:
        """Return the query that a question means.

        See :func:`lexret.library.asking.question.understand`.

        Args:
            snapshot: the commit that it is asked of; by default the newest.
        """
        snapshot = snapshot or self.snapshot()
        return understand(question, snapshot, lambda: self.encoders(snapshot), hooks=hooks)

    def find(
        self,
        understood: Understood,
        snapshot: Snapshot,
        *,
        k: int = 10,
        backend: Backend | None = None,
        building: Callable[[], None] | None = None,
        max_false_matches: float | None = None,
        copies: bool = False,
        start: int = 0,
    ) -> Results:
        """Return the best ``k`` hits of an understood question; see :meth:`search`.

        Args:
            snapshot: the commit that it was understood over.
            start: skip so many better hits.
        """
        if k < 1:
            raise InputError(f"At least 1 hit must be asked for; found {k}.")
        return find(
            understood,
            snapshot,
            k=k,
            backend=backend,
            building=building,
            encoders=lambda: self.encoders(snapshot),
            max_false_matches=max_false_matches,
            copies=copies,
            start=start,
        )

    def encode_query(
        self,
        text: str = "",
        *,
        image: PictureLike | Sequence[PictureLike] | None = None,
        box: Box | None = None,
        text_encoder: TextEncoderKind | None = None,
    ) -> LexicalVector:
        """Return the vector that a plain text, pictures, or both are searched by.

        An engine that holds the pictures' vectors (`lexret export`) ranks by it as :meth:`search`
        does. The arguments are those of :meth:`search`; :meth:`understand` returns the notes.

        Raises:
            InputError: if there is nothing to look for, or the text has operators or filters,
                which are no part of a vector.
            MissingError: if a picture, the index or the model is not there.
            MismatchError: if the model is not the one that made the index.
        """
        from lexret.library.asking.query_vector import query_vector

        require_text(text, "a query", hint="A picture is given as image=.")
        question = Question.of(text, image=image, box=box, text_encoder=text_encoder)
        return query_vector(self.understand(question))

    def similar(self, picture: PathLike, *, k: int = 10, text: str = "") -> Results:
        """Find pictures like one of the index, named by its id or path; see :meth:`search`."""
        return self.search(text, k=k, like=picture)
