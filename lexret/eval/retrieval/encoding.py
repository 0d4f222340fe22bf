"""Pictures and captions put through a model once, for any number of measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.encoders.protocol import Encoder
from lexret.encoders.text.queries import queries_of
from lexret.errors import ImageError, InputError, MissingError
from lexret.eval.retrieval.recall import Owners
from lexret.sparse import SparseBatch

_NUM_NAMED: Final = 5
_NUM_READERS: Final = 4


class Progress(Protocol):
    """Is told how far the work is."""

    def __call__(self, kind: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` ``"pictures"`` or ``"captions"`` are encoded."""
        ...


@runtime_checkable
class _HasIds(Protocol):
    def image_id(self, i: int) -> str: ...

    def caption_ids(self, i: int) -> tuple[str, ...]: ...


@dataclass(frozen=True, eq=False)
class EncodedCaptions:
    """Pictures and their captions as vectors.

    Attributes:
        images: I rows.
        texts: T rows, the captions of picture 0 first: as documents, which pictures look for.
        queries: T rows, the captions as queries, which look for pictures.
        owners_T: (T,) the picture that each caption belongs to.
        image_ids: the pictures' ids in their collection.
        text_ids: the captions' ids.
        captions: the captions themselves.
    """

    images: SparseBatch
    texts: SparseBatch
    queries: SparseBatch
    owners_T: Owners
    image_ids: tuple[str, ...]
    text_ids: tuple[str, ...]
    captions: tuple[str, ...]

    def cut(
        self, *, image_words: int | None = None, text_words: int | None = None
    ) -> EncodedCaptions:
        """Cut vectors to so many of their strongest words and normalise them again; None: not."""
        return EncodedCaptions(
            _cut(self.images, image_words),
            _cut(self.texts, text_words),
            _cut(self.queries, text_words),
            self.owners_T,
            self.image_ids,
            self.text_ids,
            self.captions,
        )


def encode_captions(
    captions: CaptionSet,
    images: Encoder[Image.Image],
    texts: Encoder[str],
    *,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> EncodedCaptions:
    """Encode pictures and captions.

    Raises:
        InputError: if a picture cannot be read (the message names the first few): an evaluation
            that left some out would measure something else.
    """
    told = progress or _tell_nobody
    images_NV = encode_pictures(captions.image, len(captions), images, batch_size, told)
    owned = [(text, i) for i in range(len(captions)) for text in captions.captions(i)]
    written = tuple(text for text, _ in owned)
    image_ids, text_ids = _ids(captions)
    documents_TV = _encode_texts(written, texts, batch_size, told)
    return EncodedCaptions(
        images_NV,
        documents_TV,
        queries_of(texts, documents_TV, written),
        np.array([owner for _, owner in owned], dtype=np.int64),
        image_ids,
        text_ids,
        written,
    )


def _ids(captions: CaptionSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    numbers = range(len(captions))
    if isinstance(captions, _HasIds):
        image_ids = tuple(captions.image_id(i) for i in numbers)
        return image_ids, tuple(one for i in numbers for one in captions.caption_ids(i))
    image_ids = tuple(captions.name(i) for i in numbers)
    text_ids = (f"{image_ids[i]}#{k}" for i in numbers for k in range(len(captions.captions(i))))
    return image_ids, tuple(text_ids)


def _tell_nobody(kind: str, done: int, total: int) -> None:
    """Progress that nobody wants to know."""


def _cut(batch: SparseBatch, num_words: int | None) -> SparseBatch:
    return batch if num_words is None else batch.strongest(num_words).normalized()


def encode_pictures(
    read: Callable[[int], Image.Image],
    num_pictures: int,
    encoder: Encoder[Image.Image],
    batch_size: int,
    progress: Progress | None = None,
) -> SparseBatch:
    """Encode pictures, while threads read those that follow.

    Args:
        read: opens picture ``i``; called from several threads.

    Raises:
        InputError: if a picture cannot be read; the message names the first few.
    """
    encoded: list[SparseBatch] = []
    broken: list[str] = []
    done = 0
    for chunk in _read_ahead(read, num_pictures, batch_size):
        pictures: list[Image.Image] = []
        for future in chunk:
            try:
                pictures.append(future.result())
            except (ImageError, MissingError) as error:
                broken.append(str(error).rstrip("."))
        if not broken:  # otherwise only the others that are broken are looked for
            encoded.append(encoder.encode(pictures, batch_size=batch_size))
        done += len(chunk)
        if progress is not None:
            progress("pictures", done, num_pictures)
    if broken:
        more = f"; and {len(broken) - _NUM_NAMED} more" if len(broken) > _NUM_NAMED else ""
        raise InputError(
            f"{len(broken)} of the {num_pictures} pictures cannot be read: "
            f"{'; '.join(broken[:_NUM_NAMED])}{more}. Every picture counts in an evaluation: "
            "replace these, or take them out of the captions."
        )
    return SparseBatch.concatenate(encoded, encoder.vocabulary)


def _read_ahead(
    read: Callable[[int], Image.Image], num_pictures: int, size: int
) -> Iterator[list[Future[Image.Image]]]:
    """Yield batches of pictures, while threads read the batch that follows."""
    with ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="lexret-read") as pool:
        try:
            ahead: list[Future[Image.Image]] = []
            for start in chain(range(0, num_pictures, size), [num_pictures]):
                numbers = range(start, min(start + size, num_pictures))
                ready, ahead = ahead, [pool.submit(read, i) for i in numbers]
                if ready:
                    yield ready
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _encode_texts(
    texts: Sequence[str], encoder: Encoder[str], batch_size: int, progress: Progress
) -> SparseBatch:
    encoded: list[SparseBatch] = []
    for start in range(0, len(texts), batch_size):
        chunk = texts[start : start + batch_size]
        encoded.append(encoder.encode(chunk, batch_size=batch_size))
        progress("captions", start + len(chunk), len(texts))
    return SparseBatch.concatenate(encoded, encoder.vocabulary)
