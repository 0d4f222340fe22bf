"""Pictures that an index knows: what it records of each, and vectors by content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Self

from lexret.engine.protocol import Document
from lexret.engine.store.columns import FieldValue
from lexret.errors import CorruptError
from lexret.interop.milvus.place import ROW
from lexret.library.asking.query_fields import DATE_FROM, KEYWORDS, VOUCHED
from lexret.library.packed.pictures import PLACE
from lexret.pictures.exif import CameraTags

EXIF: Final = "exif"
SIDECAR: Final = "_sidecar_ns"
# The columns of tags. Fields of people begin with a letter: an underscore makes room for new ones.
TAG_FIELDS: Final = {
    tag.name: {"keywords": KEYWORDS, "date_from": DATE_FROM}.get(tag.name, tag.name)
    for tag in fields(CameraTags)
}
FILE_FIELDS: Final = ("path", "size", "mtime_ns", "sha256", "width", "height", SIDECAR,
                      VOUCHED, ROW, PLACE)  # fmt: skip
# What `lexret index` writes itself; every other field is somebody's own.
INDEXED_FIELDS: Final = frozenset({*FILE_FIELDS, EXIF, *TAG_FIELDS.values()})


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """The record of a picture: the fields that its document has in the index.

    Attributes:
        path: relative to the base, with forward slashes; the document's id
            (:mod:`lexret.library.folders`).
        size: of the file, in bytes.
        mtime_ns: time of the file's last change, in nanoseconds.
        sha256: of the file's content.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        tags: what the camera wrote into the file; ``None`` where that was not read, as by a
            lexret of before.
        sidecar_ns: what the XMP files beside it are known by; ``None`` where they were not read,
            as by a lexret of before.
        vouched: words that keywords put into its vector; see
            :mod:`lexret.library.updating.keywords_as_words`.
        own: fields that somebody gave the picture, which stay when its file changes or moves.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    width: int
    height: int
    tags: CameraTags | None = None
    sidecar_ns: int | None = field(default=None, compare=False)
    vouched: str | None = field(default=None, compare=False)
    own: Mapping[str, FieldValue] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, document: Document) -> Self:
        """Read the record from a document; raises CorruptError where it is not a picture's."""
        return cls(
            path=_text(document, "path"),
            size=_number(document, "size"),
            mtime_ns=_number(document, "mtime_ns"),
            sha256=_text(document, "sha256"),
            width=_number(document, "width"),
            height=_number(document, "height"),
            tags=None if document.fields.get(EXIF) is None else _tags(document),
            sidecar_ns=_number_or_none(document, SIDECAR),
            vouched=_vouched(document),
            own=own_fields_of(document),
        )

    def as_fields(self) -> dict[str, list[FieldValue]]:
        """Return the fields as the writer takes them, for one document."""
        return {
            "path": [self.path],
            "size": [self.size],
            "mtime_ns": [self.mtime_ns],
            "sha256": [self.sha256],
            "width": [self.width],
            "height": [self.height],
            **({} if self.sidecar_ns is None else {SIDECAR: [self.sidecar_ns]}),
            **({} if self.vouched is None else {VOUCHED: [self.vouched]}),
            **self._tag_fields(),
            **{name: [value] for name, value in self.own.items()},
        }

    def _tag_fields(self) -> dict[str, list[FieldValue]]:
        if self.tags is None:
            return {}
        values = {column: getattr(self.tags, name) for name, column in TAG_FIELDS.items()}
        found = self.tags.is_of_camera
        return {EXIF: [int(found)], **{column: [value] for column, value in values.items()}}


def own_fields_of(document: Document) -> dict[str, FieldValue]:
    """Return the fields of a document that somebody gave it."""
    if document.fields.keys() <= INDEXED_FIELDS:
        return {}
    return {
        name: value
        for name, value in document.fields.items()
        if value is not None and name not in INDEXED_FIELDS
    }


def _tags(document: Document) -> CameraTags:
    values = {name: document.fields.get(column) for name, column in TAG_FIELDS.items()}
    return CameraTags(**values)  # type: ignore[arg-type]


def _text(document: Document, name: str) -> str:
    value = document.fields.get(name)
    if not isinstance(value, str):
        raise _not_a_picture(document, name)
    return value


def _number(document: Document, name: str) -> int:
    value = document.fields.get(name)
    if not isinstance(value, int):
        raise _not_a_picture(document, name)
    return value


def _number_or_none(document: Document, name: str) -> int | None:
    value = document.fields.get(name)
    return value if isinstance(value, int) else None


def _vouched(document: Document) -> str | None:
    value = document.fields.get(VOUCHED)
    return value if isinstance(value, str) else None


def _not_a_picture(document: Document, name: str) -> CorruptError:
    return CorruptError(
        f"Document {document.doc_id!r} is no picture's: its field {name!r} is "
        f"{document.fields.get(name)!r}. This index was not made by `lexret index`."
    )
