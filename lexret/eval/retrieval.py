"""Measure a model's retrieval on pictures with captions: read, encode, rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Final, Protocol

import numpy as np
from PIL import Image

from lexret.data.captions import CaptionSet
from lexret.encoders.protocol import Encoder
from lexret.errors import ImageError, InputError, MissingError
from lexret.eval.recall import RetrievalResult, evaluate_retrieval
from lexret.sparse import SparseBatch

_NUM_NAMED: Final = 5
_NUM_READERS: Final = 4


class Progress(Protocol):
    """Is told how far the work is."""

    def __call__(self, kind: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` ``"pictures"`` or ``"captions"`` are encoded."""
        ...


def measure_retrieval(
    captions: CaptionSet,
    images: Encoder[Image.Image],
    texts: Encoder[str],
    *,
    image_words: int | None = None,
    text_words: int | None = None,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> RetrievalResult:
    """Encode pictures and captions and measure recall in both directions.

    Args:
        image_words: cut every picture's vector to so many of its strongest words and normalise
            it again; None: as the encoder gives it.
        text_words: the same for the captions' vectors.

    Raises:
        InputError: if a picture cannot be read (the message names the first few): an evaluation
            that left some out would measure something else.
    """
    told = progress or _tell_nobody
    images_NV = _encode_images(captions, images, batch_size, told)
    owners = [(text, i) for i in range(len(captions)) for text in captions.captions(i)]
    texts_TV = _encode_texts([text for text, _ in owners], texts, batch_size, told)
    return evaluate_retrieval(
        _cut(images_NV, image_words),
        _cut(texts_TV, text_words),
        np.array([owner for _, owner in owners], dtype=np.int64),
    )


def _tell_nobody(kind: str, done: int, total: int) -> None:
    """Progress that nobody wants to know."""


def _cut(batch: SparseBatch, num_words: int | None) -> SparseBatch:
    return batch if num_words is None else batch.strongest(num_words).normalized()


def _encode_images(
    captions: CaptionSet, encoder: Encoder[Image.Image], batch_size: int, progress: Progress
) -> SparseBatch:
    encoded: list[SparseBatch] = []
    broken: list[str] = []
    done = 0
    for chunk in _read_ahead(captions, batch_size):
        pictures: list[Image.Image] = []
        for future in chunk:
            try:
                pictures.append(future.result())
            except (ImageError, MissingError) as error:
                broken.append(str(error).rstrip("."))
        if not broken:  # otherwise only the others that are broken are looked for
            encoded.append(encoder.encode(pictures, batch_size=batch_size))
        done += len(chunk)
        progress("pictures", done, len(captions))
    if broken:
        more = f"; and {len(broken) - _NUM_NAMED} more" if len(broken) > _NUM_NAMED else ""
        raise InputError(
            f"{len(broken)} of the {len(captions)} pictures cannot be read: "
            f"{'; '.join(broken[:_NUM_NAMED])}{more}. Every picture counts in an evaluation: "
            "replace these, or take them out of the captions."
        )
    return SparseBatch.concatenate(encoded, encoder.vocabulary)


def _read_ahead(captions: CaptionSet, size: int) -> Iterator[list[Future[Image.Image]]]:
    """Yield batches of pictures, while threads read the batch that follows."""
    with ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="lexret-read") as pool:
        try:
            ahead: list[Future[Image.Image]] = []
            for start in chain(range(0, len(captions), size), [len(captions)]):
                numbers = range(start, min(start + size, len(captions)))
                ready, ahead = ahead, [pool.submit(captions.image, i) for i in numbers]
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
