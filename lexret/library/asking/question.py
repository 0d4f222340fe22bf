"""From a question to a query: the one way, for the command line, the page and Python alike.

A question is text, pictures, a part of a picture, and pictures of the index, in any mixture. A
text is plain or in the query language (docs/query-language.md); what it means is said by
:mod:`lexret.library.asking.meaning`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lexret.errors import InputError, MissingError
from lexret.library.asking.meaning import Meaning, understand_text
from lexret.library.asking.query_pictures import (
    PathLike,
    PictureInFile,
    PictureLike,
    QueryPicture,
    query_pictures,
)
from lexret.library.lookup import document_named
from lexret.library.model_encoders import ModelEncoders, TextEncoderKind
from lexret.sparse import LexicalVector

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.query.binding import Examples
    from lexret.engine.query.syntax import ParsedQuery
    from lexret.library.snapshots import Snapshot
    from lexret.pictures.boxes import Box
    from lexret.pictures.packed import PictureFile

MakeVector = Callable[[], LexicalVector]


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody looks for.

    Attributes:
        text: in the query language; it may be empty where there is a picture.
        pictures: pictures to look for.
        likes: pictures of the index to look for, by id or path; they themselves are no hits.
        box: the part that counts of the only picture among both.
        text_encoder: which text encoder to use; by default the static one where there is one.

    Raises:
        InputError: if there is a box, and not exactly one picture.
    """

    text: str = ""
    pictures: tuple[QueryPicture, ...] = ()
    likes: tuple[str, ...] = ()
    box: Box | None = None
    text_encoder: TextEncoderKind | None = None

    def __post_init__(self) -> None:
        num_pictures = len(self.pictures) + len(self.likes)
        if self.box is not None and num_pictures != 1:
            raise InputError(
                "A box is a part of one picture: give exactly one picture to search by with it; "
                f"found {num_pictures}."
            )

    @classmethod
    def of(
        cls,
        text: str = "",
        *,
        image: PictureLike | Sequence[PictureLike] | None = None,
        box: Box | None = None,
        like: PathLike | Sequence[PathLike] | None = None,
        text_encoder: TextEncoderKind | None = None,
    ) -> Question:
        """Return a question by pictures and likes that are given one by one or several at once."""
        return cls(text, query_pictures(image), names_of(like), box, text_encoder)

    @property
    def has_pictures(self) -> bool:
        """Whether pictures are part of it."""
        return bool(self.pictures or self.likes)


def names_of(given: PathLike | Sequence[PathLike] | None) -> tuple[str, ...]:
    """Return the names of one path or of several."""
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike):
        return (os.fspath(given),)
    return tuple(os.fspath(name) for name in given)


@dataclass(frozen=True, eq=False)
class Understood(Meaning):
    """A question and what it means.

    Attributes:
        question: what was asked.
        text_encoder: what encoded its text; ``None`` where there is none to encode.
    """

    question: Question
    text_encoder: TextEncoderKind | None = None

    @property
    def vectors(self) -> tuple[LexicalVector, ...]:
        """What scores in it: a text's vector, and those of alternatives."""
        query = self.query
        return (query,) if isinstance(query, LexicalVector) else tuple(query.vectors())


def _make(_key: Hashable, make: MakeVector) -> LexicalVector:
    return make()


def _picture_of(snapshot: Snapshot, doc_id: str) -> PictureFile:
    return snapshot.picture_of(doc_id)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a server does differently on the way to a query.

    Attributes:
        remember: returns the vector of a key, made by a function where it is not remembered.
        turn: is entered while a picture is read and encoded, which takes long.
        picture_of: returns what holds a picture of the index; may refuse with MissingError.
    """

    remember: Callable[[Hashable, MakeVector], LexicalVector] = _make
    turn: Callable[[], AbstractContextManager[object]] = nullcontext
    picture_of: Callable[[Snapshot, str], PictureFile] = _picture_of


NO_HOOKS: Final = Hooks()


def understand(
    question: Question,
    snapshot: Snapshot,
    encoders: Callable[[], ModelEncoders],
    *,
    hooks: Hooks = NO_HOOKS,
) -> Understood:
    """Return the query that a question means over a snapshot of an index.

    Args:
        encoders: returns those of the model that made the index; called only where there is
            something to encode.

    Raises:
        QueryError: if the text breaks the query language, or a word or filter of it is none of
            the index; the message points at it.
        InputError: if the question is empty, or none of its words is in the vocabulary, or its
            box does not lie in its picture.
        MissingError: if a picture is not there.
        MismatchError: if the model is not the one that made the index.
    """
    return _Understanding(question, snapshot, encoders, hooks).understood()


class _Understanding:
    """Makes the query of one question; see :func:`understand`."""

    def __init__(
        self,
        question: Question,
        snapshot: Snapshot,
        encoders: Callable[[], ModelEncoders],
        hooks: Hooks,
    ) -> None:
        self._question, self._snapshot, self._hooks = question, snapshot, hooks
        self._encoders = encoders
        self._text_encoder: TextEncoderKind | None = None

    @property
    def _index(self) -> EmbeddedIndex:
        return self._snapshot.index

    def understood(self) -> Understood:
        meaning = understand_text(
            self._question.text,
            self._index.vocabulary,
            self._encode,
            columns=self._index.columns,
            muted=self._index.corrections.muted,
            pictures=self._pictures if self._question.has_pictures else None,
            note=self._note,
            reads_pieces=self._reads_pieces,
            levels_V=lambda: self._encoders().levels_V(),
        )
        return Understood(
            meaning.query,
            meaning.text,
            meaning.notes,
            meaning.is_plain,
            self._question,
            self._text_encoder,
        )

    def _reads_pieces(self) -> bool:
        return self._encoders().text_kind(self._question.text_encoder) == "contextual"

    def _note(self, parsed: ParsedQuery) -> tuple[str, ...]:
        from lexret.library.asking.query_dates import notes_on_dates
        from lexret.library.asking.query_places import notes_on_places

        return (*notes_on_dates(parsed, self._index), *notes_on_places(parsed, self._index))

    def _encode(self, text: str) -> LexicalVector:
        encoders = self._encoders()
        self._text_encoder = kind = encoders.text_kind(self._question.text_encoder)

        def make() -> LexicalVector:
            texts = encoders.texts(kind, vocabulary=self._index.vocabulary)
            return texts.encode_queries([text]).row(0)

        return self._hooks.remember(("text", kind, text, self._index.model_id), make)

    def _pictures(self) -> Examples:
        from functools import partial

        from lexret.engine.query.binding import Examples
        from lexret.library.asking.mixing import fitted_to_words

        box, likes = self._question.box, tuple(map(self._document, self._question.likes))
        if box is None:
            vectors = [self._index.vector(doc_id) for doc_id in likes]
        else:
            vectors = [self._vector(self._file(doc_id), box) for doc_id in likes]
        vectors += [self._vector(picture, box) for picture in self._question.pictures]
        without = (*likes, *self._copies_of(likes))
        return Examples(tuple(vectors), without, partial(fitted_to_words, index=self._index))

    def _copies_of(self, likes: Sequence[str]) -> list[str]:
        """Return the other files of the same bytes, which are no answers either."""
        from lexret.engine.query.query import Query
        from lexret.engine.shared_text import documents_with

        if "sha256" not in self._index.columns:
            return []
        fields = (self._index.document(doc_id).fields for doc_id in likes)
        contents = {content for one in fields if isinstance(content := one.get("sha256"), str)}
        found = documents_with(self._index, "sha256", contents, Query(without=tuple(likes)))
        return [document.doc_id for document in found]

    def _document(self, given: str) -> str:
        """Return the id of a picture of the index that was named by its id or by its path."""
        try:
            return document_named(self._index, given)
        except MissingError as error:
            raise MissingError(
                f"{error} A picture that is not in the index is given as an image (--image)."
            ) from error

    def _file(self, doc_id: str) -> PictureInFile:
        """Return the file of a picture of the index, remembered by its content."""
        content = self._index.document(doc_id).fields.get("sha256")
        key = None if content is None else ("file", doc_id, content)
        return PictureInFile(self._hooks.picture_of(self._snapshot, doc_id), key)

    def _vector(self, picture: QueryPicture, box: Box | None) -> LexicalVector:
        def make() -> LexicalVector:
            with self._hooks.turn():
                part = picture.read(box)
                return self._encoders().images().encode([part]).row(0)

        if picture.key is None:
            return make()
        return self._hooks.remember((picture.key, box, self._index.model_id), make)
