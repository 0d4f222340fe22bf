"""Input of a caption or an answer: a picture's words, from the index or from its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lexret.library.caption_samples import TellingLibrary, samples_like
from lexret.library.lookup import find_document
from lexret.telling.picture_words import words_of_patches, words_of_vector

if TYPE_CHECKING:
    from lexret.library.model_encoders import ModelEncoders
    from lexret.pictures.packed import PictureFile
    from lexret.sparse import LexicalVector
    from lexret.telling.prompts import Sample
    from lexret.telling.tell import TellingWord


@dataclass(frozen=True, eq=False)
class CaptionInput:
    """Input of a caption or an answer: the words of a picture.

    Attributes:
        words: those that it holds, the surest first.
        vector: all of its words.
        library: the library that it is asked in, if there is one.
        doc_id: its id there, if it is in it.
    """

    words: list[TellingWord]
    vector: LexicalVector
    library: TellingLibrary | None
    doc_id: str | None

    def samples(self) -> list[Sample]:
        """Return captions that people gave like pictures, where the index has a field for that."""
        if self.library is None:
            return []
        index = self.library.snapshot().index
        if index.vocabulary.fingerprint != self.vector.vocabulary.fingerprint:
            return []
        return samples_like(self.library, self.vector, without=self.doc_id)


def picture_of_library(library: TellingLibrary, named: str, *, places: bool) -> CaptionInput:
    """Return the words of a picture: from the index where it holds it, else from its file.

    Args:
        named: the picture's id or path.
        places: add in which third of the picture each word is seen; the file is opened for that.

    Raises:
        MissingError: if there is no such picture.
        ImageError: if its file is needed, and cannot be read.
        MismatchError: if the model is not the one that made the index.
    """
    snapshot = library.snapshot()
    doc_id = find_document(snapshot.index, named)
    encoders = library.encoders(snapshot)
    if doc_id is None:
        return _of_file(Path(named), encoders, library, None, places=places)
    if places:
        return _of_file(snapshot.picture_of(doc_id), encoders, library, doc_id, places=True)
    vector = snapshot.index.vector(doc_id)
    return CaptionInput(words_of_vector(vector, encoders.levels_V()), vector, library, doc_id)


def picture_of_model(source: str, path: Path, *, places: bool) -> CaptionInput:
    """Return the words of a picture file by a model's name or folder, without any index."""
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.library.model_encoders import ModelEncoders
    from lexret.pictures.presence import require_picture

    require_picture(path)
    return _of_file(path, ModelEncoders(read_record(find_model(source))), None, None, places=places)


def _of_file(
    path: PictureFile,
    encoders: ModelEncoders,
    library: TellingLibrary | None,
    doc_id: str | None,
    *,
    places: bool,
) -> CaptionInput:
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image
    from lexret.pictures.presence import require_picture

    if isinstance(path, Path):
        require_picture(path)
    photo = open_image(path, min_side=ENCODING_MIN_SIDE)
    (encoding,) = encoders.images().encode_patches([photo])
    levels_V = encoders.levels_V()
    words = (
        words_of_patches(encoding, levels_V)
        if places
        else words_of_vector(encoding.image, levels_V)
    )
    return CaptionInput(words, encoding.image, library, doc_id)
