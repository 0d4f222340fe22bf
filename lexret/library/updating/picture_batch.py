"""Pictures that were read and are put to the model together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image

from lexret.encoders.protocol import Encoder, runtime_of
from lexret.errors import InputError
from lexret.library.updating.known_pictures import KnownVectors
from lexret.library.updating.reader import PictureFile, SkippedPicture
from lexret.library.updating.records import KnownPicture

# Pictures that wait to be encoded together take at most about so many bytes.
BATCH_BYTES: Final = 1 << 28
_BYTES_A_PIXEL: Final = 4  # as Pillow holds RGB


class PictureBatch:
    """Batch of pictures that wait to be encoded together.

    Args:
        encoder: turns pictures into vectors.
        size: pictures of a full batch.
        vectors: is given the vectors, by content.

    Attributes:
        num_encoded: pictures that were encoded so far, in all batches.
        runtime: what encoded them; None before the first, and where the encoder does not say.
    """

    def __init__(self, encoder: Encoder[Image.Image], size: int, vectors: KnownVectors) -> None:
        self._encoder, self._size, self._vectors = encoder, size, vectors
        self._files: list[PictureFile] = []
        self.num_encoded = 0
        self.runtime: str | None = None

    def add(self, file: PictureFile) -> None:
        """Let a picture wait."""
        self._files.append(file)

    @property
    def is_full(self) -> bool:
        """Whether the pictures that wait are enough, in number or in bytes."""
        return len(self._files) >= self._size or self._num_bytes() >= BATCH_BYTES

    def _num_bytes(self) -> int:
        images = [file.picture.image for file in self._files if file.picture is not None]
        return sum(_BYTES_A_PIXEL * image.width * image.height for image in images)

    def encode(self) -> Iterator[PictureFile | SkippedPicture]:
        """Encode the pictures that wait, each content once, and start an empty batch.

        Yields:
            what the model rejected, and the files whose vectors are known now.
        """
        files, self._files = self._files, []
        distinct = {file.sha256: file for file in files if file.sha256 not in self._vectors}
        yield from self._encode(list(distinct.values()))
        for file in files:
            if file.sha256 in self._vectors:
                yield file
            elif file is not distinct[file.sha256]:
                yield _rejected(file, "its content is that of another rejected picture")

    def _encode(self, files: Sequence[PictureFile]) -> Iterator[SkippedPicture]:
        """Give the files' vectors to those that are known; yields what the model rejects."""
        pictures = [file.picture for file in files if file.picture is not None]
        if not pictures:
            return
        images = [picture.image for picture in pictures]
        try:
            vectors = self._encoder.encode(images, batch_size=self._size)
        except InputError as error:
            if len(files) == 1:
                yield _rejected(files[0], str(error))
            else:  # one picture must not stop the others
                for file in files:
                    yield from self._encode([file])
            return
        self.num_encoded += len(files)
        self.runtime = runtime_of(self._encoder)
        for file, picture, vector in zip(files, pictures, vectors, strict=True):
            record = KnownPicture(
                file.path,
                file.size,
                file.mtime_ns,
                file.sha256,
                picture.width,
                picture.height,
                file.tags,
            )
            self._vectors.put(record, vector)


def _rejected(file: PictureFile, why: str) -> SkippedPicture:
    message = f"{file.path} was rejected by the model: {why}"
    return SkippedPicture(file.path, "rejected by the model", message, file.state)
