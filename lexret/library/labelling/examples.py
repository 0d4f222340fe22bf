"""Examples of a class: from files, folders, pictures of the index and queries to vectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lexret.errors import ImageError, InputError, MissingError, UnknownPictureError
from lexret.files.hashes import file_sha256
from lexret.library.label_file import Example
from lexret.library.lookup import find_document
from lexret.pictures.finding import find_images
from lexret.pictures.formats import EXTENSIONS
from lexret.sparse import LexicalVector

if TYPE_CHECKING:
    from PIL import Image

    from lexret.encoders.protocol import Encoder
    from lexret.library.asking.results import Results
    from lexret.library.snapshots import Snapshot

MOST_OF_A_QUERY: Final = 50
"""Examples that a query gives at most: its best hits."""
_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class SkippedExample:
    """Example that could not be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """What gives examples of a class, where that is known to be one kind of thing.

    A plain text may be a file, a folder, a picture of the index or a query; these are looked for in
    this order.

    Attributes:
        text: the picture's id, or the query.
        kind: ``picture`` (of the index; no file is looked for) or ``query``.
    """

    text: str
    kind: Literal["picture", "query"]


@dataclass(frozen=True, slots=True)
class _Found:
    """Picture that was given as an example: of the index, by its id, or else a file."""

    name: str
    doc_id: str | None
    file: Path


class ExampleReader:
    """Reader of examples. A picture of the index that has not changed is not opened.

    Args:
        snapshot: the index.
        images: returns the model's image encoder; called only for pictures that are not in it.
        search: finds the pictures that fit a query.

    Attributes:
        skipped: files that could not be read.
        queries: the sources that were queries.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        images: Callable[[], Encoder[Image.Image]],
        search: Callable[[str], Results],
    ) -> None:
        self._snapshot, self._images, self._search = snapshot, images, search
        self.skipped: list[SkippedExample] = []
        self.queries: set[str] = set()

    def read(self, class_name: str, source: str | Source) -> list[Example]:
        """Return the examples that somebody means by a file, a folder, a picture or a query.

        Raises:
            MissingError: if there is no such thing.
            InputError: if there is no picture in it.
            QueryError: if a query cannot be understood.
        """
        found = list(self._of_kind(source) if isinstance(source, Source) else self._find(source))
        source = source.text if isinstance(source, Source) else source
        num_before = len(self.skipped)
        vectors = self._vectors(found)
        examples = [
            Example(class_name, source, picture.name, sha256, vector.term_ids, vector.weights)
            for picture, (vector, sha256) in zip(found, vectors, strict=True)
            if vector is not None and len(vector)
        ]
        if not examples:
            # The reasons name the files, and end with a full stop.
            reasons = " ".join(one.reason for one in self.skipped[num_before:][:3])
            why = reasons or "No picture in it has a word."
            raise InputError(f"{source} gives no example of {class_name or 'none'!r}. {why}")
        return examples

    def _of_kind(self, source: Source) -> Iterator[_Found]:
        if source.kind == "query":
            if not is_query(source.text):  # read again, it would be taken for a file
                raise InputError(
                    f"{source.text!r} is no query for examples; one of a single word has a plus, "
                    f"as in +{source.text.strip('/.') or 'dog'}."
                )
            yield from self._of_query(source.text)
            return
        if source.text not in self._snapshot.index:
            raise UnknownPictureError(f"The index holds no picture {source.text!r}.")
        yield _Found(source.text, source.text, self._snapshot.file_of(source.text))

    def _of_query(self, query: str) -> Iterator[_Found]:
        self.queries.add(query)
        hits = [hit for hit in self._search(query).hits if hit.sure is not False]
        if not hits:
            raise InputError(
                f"The query {query!r} finds no picture to learn from that is sure enough."
            )
        yield from (_Found(hit.doc_id, hit.doc_id, hit.path) for hit in hits)

    def _find(self, source: str) -> Iterator[_Found]:
        path = Path(source)
        if path.is_dir():
            files = [self._of_file(file) for file in find_images(path)]
            if not files:
                raise InputError(f"The folder {source} holds no picture.")
            yield from files
            return
        doc_id = find_document(self._snapshot.index, source)
        if doc_id is not None:
            yield _Found(doc_id, doc_id, self._snapshot.file_of(doc_id))
        elif path.exists():
            yield _Found(source, None, path)
        elif is_query(source):
            yield from self._of_query(source)
        else:
            hint = "" if _is_path(source) else f" A query of one word has a plus: +{source}."
            raise MissingError(
                f"There is no file or folder {source}, and the index holds no such picture.{hint}",
                path=path,
            )

    def _of_file(self, file: Path) -> _Found:
        return _Found(str(file), find_document(self._snapshot.index, str(file)), file)

    def _vectors(self, found: Sequence[_Found]) -> list[tuple[LexicalVector | None, str]]:
        """Return each picture's vector and the hash of its content; None: it cannot be read."""
        vectors: list[tuple[LexicalVector | None, str]] = [(None, "")] * len(found)
        to_encode = []
        for place, picture in enumerate(found):
            if picture.doc_id is None:
                to_encode.append(place)
                continue
            index = self._snapshot.index
            sha256 = index.document(picture.doc_id).fields.get("sha256")
            vectors[place] = index.vector(picture.doc_id), str(sha256 or "")
        for start in range(0, len(to_encode), _BATCH):
            self._encode(found, to_encode[start : start + _BATCH], vectors)
        return vectors

    def _encode(
        self,
        found: Sequence[_Found],
        places: Sequence[int],
        vectors: list[tuple[LexicalVector | None, str]],
    ) -> None:
        """Encode some pictures; what cannot be read is noted."""
        from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

        read = []
        for place in places:
            file = found[place].file
            try:
                read.append((place, open_image(file, min_side=ENCODING_MIN_SIDE)))
            except (ImageError, MissingError) as error:
                self.skipped.append(SkippedExample(found[place].name, str(error)))
        if read:
            batch = self._images().encode([picture for _, picture in read])
            for (place, _), vector in zip(read, batch, strict=True):
                vectors[place] = vector, file_sha256(found[place].file)


def is_query(source: str) -> bool:
    """Whether a source that is no file is a query, and no path with a mistake in it."""
    if ":" in source or source.startswith(("+", "-", "(", '"')):
        return True
    return not _is_path(source) and len(source.split()) > 1


def _is_path(source: str) -> bool:
    return source.endswith(("/", os.sep)) or Path(source).suffix.lower() in EXTENSIONS
