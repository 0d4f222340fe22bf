"""Tagging: the words that pictures hold, written into their files as keywords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lexret.engine.index import EmbeddedIndex
from lexret.errors import ImageError, LexretError, MissingError, StorageError
from lexret.files.names import shown_line
from lexret.library.asking.tags import tags_of
from lexret.library.folders import picture_path, picture_root
from lexret.library.packed.pictures import PLACE
from lexret.pictures.keywords import KeywordChange, check_writable, plan_keywords, write_keywords
from lexret.sparse import FloatArray


@dataclass(frozen=True, slots=True)
class Tagged:
    """Result of tagging one picture.

    Attributes:
        doc_id: its id.
        change: of its file; None where there is none, or it failed.
        error: why the file was left alone; None where it was not.
    """

    doc_id: str
    change: KeywordChange | None = None
    error: LexretError | None = None


def tag_pictures(
    index: EmbeddedIndex,
    doc_ids: Sequence[str],
    levels_V: FloatArray | None,
    *,
    k: int = 8,
    above: float = 0.1,
    write: bool = False,
    remove: bool = False,
) -> Iterator[Tagged]:
    """Write the words that pictures hold into their files; yields each when it is done.

    Args:
        levels_V: the words' levels; None: every weight holds its word.
        k: at most so many words a picture.
        above: only words with more than this weight.
        write: change the files; without it, only report what would change.
        remove: take back the keywords that lexret wrote.
    """
    base = picture_root(index.manifest, index.path)
    for doc_id in doc_ids:
        words = []
        if not remove:
            held = tags_of(index.vector(doc_id), levels_V, k)
            words = [word.word for word in held if word.weight > above]
        try:
            if base is None and index.document(doc_id).fields.get(PLACE) is not None:
                raise MissingError(
                    f"{shown_line(doc_id)} lies in a tar shard or Parquet file, into which lexret "
                    "writes nothing; unpack the pictures to tag them."
                )
            change = plan_keywords(picture_path(base, doc_id), words)
            if change.is_one:
                (write_keywords if write else check_writable)(change)
        except (ImageError, MissingError, StorageError) as error:
            yield Tagged(doc_id, error=error)
            continue
        yield Tagged(doc_id, change if change.is_one else None)
