"""Rebuilding of pictures from what an index remembers of them: the stored words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lexret.errors import MissingError
from lexret.library.lookup import document_named, find_document
from lexret.pictures.packed import is_there
from lexret.pictures.presence import require_picture

if TYPE_CHECKING:
    from lexret.encoders.folder.record import ModelRecord
    from lexret.library.model_encoders import ModelEncoders
    from lexret.library.snapshots import Snapshot
    from lexret.pictures.packed import PictureFile
    from lexret.rebuild.portable import Rebuilder
    from lexret.rebuild.views import RebuiltViews
    from lexret.sparse import LexicalVector


class Rebuilders:
    """Rebuilders that were loaded, one a folder: the next picture need not wait for them."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[Path | None, str], Rebuilder] = {}

    def of(self, record: ModelRecord, decoder: Path | None) -> Rebuilder:
        """Return the rebuilder of a folder, or the one that ships, for a lexical model.

        Raises:
            MissingError: if there is no such decoder.
            MismatchError: if it was trained on the words of another model.
            CorruptError: if a file is damaged.
        """
        from lexret.rebuild.portable import load_rebuilder

        key = (decoder, record.model_id)
        if key not in self._loaded:
            self._loaded[key] = load_rebuilder(record, decoder)
        return self._loaded[key]


def find_indexed(
    picture: str, snapshot: Snapshot, *, words_only: bool
) -> tuple[str | None, PictureFile | None]:
    """Return the id of a picture, None if the index does not hold it, and its file.

    The file of a picture of the index may be gone; then, and where none is to be opened, it is
    None.

    Raises:
        UnknownPictureError: if no file may be opened and the index holds no such picture.
        MissingError: if there is no such picture.
    """
    index = snapshot.index
    doc_id = document_named(index, picture) if words_only else find_document(index, picture)
    if doc_id is None:
        require_picture(Path(picture))
        return None, Path(picture)
    if words_only:
        return doc_id, None
    try:
        file = snapshot.picture_of(doc_id)
    except MissingError:
        return doc_id, None
    return doc_id, file if is_there(file) else None


def rebuild_indexed(
    doc_id: str,
    file: PictureFile | None,
    snapshot: Snapshot,
    rebuilder: Rebuilder,
    *,
    budgets: Sequence[int],
) -> RebuiltViews:
    """Rebuild a picture of an index from its stored words, and from its file's cells.

    Args:
        file: None: what is left is rebuilt from words alone.

    Raises:
        ImageError: if the file cannot be read.
        InputError: if there is neither a word nor a file.
    """
    from lexret.pictures.decoding import open_image
    from lexret.rebuild.views import rebuilt_views

    photo = None if file is None else open_image(file)
    return rebuilt_views(rebuilder, snapshot.index.vector(doc_id), photo, budgets=budgets)


def rebuild_file(
    file: Path, encoders: ModelEncoders, rebuilder: Rebuilder, *, budgets: Sequence[int]
) -> RebuiltViews:
    """Rebuild a picture file, whether an index holds it or not.

    Raises:
        MissingError, ImageError: if there is no such picture, or it cannot be read.
    """
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image
    from lexret.rebuild.views import rebuilt_views

    require_picture(file)
    photo = open_image(file, min_side=ENCODING_MIN_SIDE)
    words: LexicalVector
    (words,) = encoders.images().encode([photo])
    return rebuilt_views(rebuilder, words, photo, budgets=budgets)
