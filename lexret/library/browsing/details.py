"""Details of one picture: all that its index knows of it, without looking at the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lexret.engine.query.query import Query
from lexret.engine.shared_text import documents_with
from lexret.engine.store.columns import FieldValue
from lexret.explain.sureness import surest_words
from lexret.library.asking.keyword_words import words_of_keywords
from lexret.library.asking.query_fields import DATE_FROM, KEYWORDS, MTIME, TAKEN
from lexret.library.asking.results import Copy
from lexret.library.lookup import document_named
from lexret.library.snapshots import Snapshot
from lexret.library.updating.records import INDEXED_FIELDS
from lexret.sparse import FloatArray

# What a camera wrote, as filters name it.
CAMERA_FIELDS: Final = ("camera", "lens", "iso", "exposure_s", "f_number", "focal_mm",
                        "latitude", "longitude")  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldWord:
    """A word of a picture, its weight, and whether the picture is held to show it."""

    word: str
    weight: float
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What an index knows of a picture.

    Attributes:
        doc_id: its id.
        path: its file; it may be gone since it was indexed.
        width: of the upright picture, in pixels; None where it is not known.
        height: likewise.
        size: of the file, in bytes; None where it is not known.
        date: when it was taken, to the second, in ISO 8601, by the camera's clock; else when its
            file was last changed, by the clock of this machine.
        date_from: where the date comes from: ``exif``, ``exif_changed``, ``xmp``, ``iptc`` or
            ``file``.
        camera: what the camera wrote: field -> value.
        keywords: of people.
        fields: that somebody gave it, and classes of labels.
        words: the surest first.
        from_keywords: those of them that are keywords of the photo.
        added: words that somebody added by hand.
        removed: words that somebody took away.
        copies: other files of the same bytes.
    """

    doc_id: str
    path: Path
    width: int | None
    height: int | None
    size: int | None
    date: str | None
    date_from: str
    camera: Mapping[str, FieldValue]
    keywords: tuple[str, ...]
    fields: Mapping[str, FieldValue]
    words: tuple[HeldWord, ...]
    from_keywords: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    copies: tuple[Copy, ...]


def details_of(
    snapshot: Snapshot, picture: str, levels_V: FloatArray | None, *, num_words: int
) -> Details:
    """Return what an index knows of a picture that is named by id or path.

    Raises:
        MissingError: if the index holds no such picture.
    """
    index = snapshot.index
    doc_id = document_named(index, picture)
    fields = index.document(doc_id).fields
    date, date_from = _date(fields)
    words = surest_words(index.vector(doc_id), levels_V)[:num_words]
    correction = index.corrections.of(doc_id)
    keywords = fields.get(KEYWORDS)
    return Details(
        doc_id=doc_id,
        path=snapshot.file_of(doc_id),
        width=_whole(fields.get("width")),
        height=_whole(fields.get("height")),
        size=_whole(fields.get("size")),
        date=date,
        date_from=date_from,
        camera={name: fields[name] for name in CAMERA_FIELDS if fields.get(name) is not None},
        keywords=tuple(str(keywords).split("\n")) if keywords else (),
        fields={name: value for name, value in fields.items()
                # What begins with an underscore is lexret's own, such as the marks of labels.
                if value is not None and name not in INDEXED_FIELDS and name[0] != "_"},
        words=tuple(HeldWord(word.word, word.weight, held) for word, held in words),
        from_keywords=tuple(sorted(words_of_keywords(index, doc_id))),
        added=tuple(sorted(correction.added)),
        removed=tuple(sorted(correction.removed)),
        copies=_copies(snapshot, doc_id, fields.get("sha256")),
    )  # fmt: skip


def _whole(value: FieldValue) -> int | None:
    return value if isinstance(value, int) else None


def _date(fields: Mapping[str, FieldValue]) -> tuple[str | None, str]:
    taken, changed = fields.get(TAKEN), fields.get(MTIME)
    try:
        if isinstance(taken, int):
            moment = datetime.fromtimestamp(taken, UTC).replace(tzinfo=None)
            return moment.isoformat(), str(fields.get(DATE_FROM) or "exif")
        if isinstance(changed, int):
            return datetime.fromtimestamp(changed // 1_000_000_000).isoformat(), "file"
    except (OverflowError, OSError, ValueError):  # no year of a calendar
        pass
    return None, "file"


def _copies(snapshot: Snapshot, doc_id: str, content: FieldValue) -> tuple[Copy, ...]:
    if not isinstance(content, str):
        return ()
    found = documents_with(snapshot.index, "sha256", {content}, Query())
    others = sorted(document.doc_id for document in found if document.doc_id != doc_id)
    return tuple(Copy(other, snapshot.file_of(other)) for other in others)
