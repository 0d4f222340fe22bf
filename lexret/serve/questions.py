"""From what a request asks to a query of the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexret.engine.query.binding import PictureParts, bind_query, notes_on
from lexret.engine.query.parser import parse_query
from lexret.engine.query.query import Query
from lexret.errors import InputError, MissingError
from lexret.library.query_dates import notes_on_dates
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_picture
from lexret.serve.pictures import Recent, Uploads
from lexret.serve.snapshots import Library, Snapshot, crop
from lexret.sparse import LexicalVector

if TYPE_CHECKING:
    from lexret.serve.gate import HeavyWork

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Question:
    """What somebody looks for.

    Attributes:
        text: in the query language; it may be empty where there is a picture.
        image: the key of a picture that was sent.
        like: the id of a picture of the index.
        box: the part of that picture that counts: x, y, width, height in its pixels.
    """

    text: str
    image: str | None = None
    like: str | None = None
    box: Box | None = None

    @property
    def has_picture(self) -> bool:
        """Whether a picture is part of it."""
        return self.image is not None or self.like is not None


@dataclass(frozen=True, eq=False)
class Understood:
    """A query, and what is to be told about it."""

    query: Query
    notes: tuple[str, ...]


class Understanding:
    """Makes queries of questions; vectors of texts and pictures are kept for a while.

    Args:
        heavy: guards what takes long.
        allow_links: see :class:`lexret.serve.settings.ServeSettings`.
    """

    def __init__(
        self, library: Library, uploads: Uploads, heavy: HeavyWork, *, allow_links: bool
    ) -> None:
        self._library, self._uploads, self._heavy = library, uploads, heavy
        self._allow_links = allow_links
        self._vectors: Recent[LexicalVector] = Recent(1024)

    def understand(self, question: Question, snapshot: Snapshot) -> Understood:
        """Return the query that a question means over a snapshot of the index.

        Raises:
            InputError: if it is empty, breaks the query language or holds no known word, or if
                the box does not lie in the picture.
            MissingError: if a picture is not there.
            MismatchError: if the model is not the one that made the index.
            BusyError: if a picture must be encoded and too many wait for that.
        """
        if question.box is not None and not question.has_picture:
            raise InputError("A box is a part of a picture; none was given.")
        parsed = parse_query(question.text)
        index = snapshot.index
        notes = notes_on(
            parsed,
            index.vocabulary,
            muted=index.corrections.muted,
            has_pictures=question.has_picture,
        )

        def encode(text: str) -> LexicalVector:
            key = ("text", text, index.model_id)
            vector = self._vectors.get(key)
            if vector is None:
                vector = self._library.texts(snapshot).encode([text]).row(0)
                self._vectors.put(key, vector)
            return vector

        pictures = self._pictures(question, snapshot)
        query = bind_query(parsed, index.vocabulary, index.columns, encode, pictures=pictures)
        return Understood(query, (*notes, *notes_on_dates(parsed, index)))

    def _pictures(self, question: Question, snapshot: Snapshot) -> PictureParts:
        vectors: list[LexicalVector] = []
        without: tuple[str, ...] = ()
        if question.like is not None:
            if question.like not in snapshot.index:
                raise MissingError("The index holds no such picture to look for.")
            without = (question.like,)
            if question.box is None:
                vectors.append(snapshot.index.vector(question.like))
            else:
                vectors.append(self._part_of_picture(question.like, question.box, snapshot))
        if question.image is not None:
            box = question.box if question.like is None else None
            vectors.append(self._upload(question.image, box, snapshot))
        return PictureParts(tuple(vectors), without)

    def _upload(self, key: str, box: Box | None, snapshot: Snapshot) -> LexicalVector:
        cache_key = ("upload", key, box, snapshot.index.model_id)
        vector = self._vectors.get(cache_key)
        if vector is None:
            upload = self._uploads.get(key)
            part = crop(upload.image, (upload.width, upload.height), box)
            with self._heavy.turn():
                vector = self._library.images(snapshot).encode([part]).row(0)
            self._vectors.put(cache_key, vector)
        return vector

    def _part_of_picture(self, doc_id: str, box: Box, snapshot: Snapshot) -> LexicalVector:
        path = snapshot.path_of(doc_id, allow_links=self._allow_links)
        if path is None:
            raise MissingError("The index holds no such picture to look for.")
        sha256 = snapshot.index.document(doc_id).fields.get("sha256")
        cache_key = ("part", doc_id, sha256, box, snapshot.index.model_id)
        vector = self._vectors.get(cache_key)
        if vector is None:
            with self._heavy.turn():
                picture = open_picture(path, min_side=ENCODING_MIN_SIDE)
                part = crop(picture.image, (picture.width, picture.height), box)
                vector = self._library.images(snapshot).encode([part]).row(0)
            self._vectors.put(cache_key, vector)
        return vector
