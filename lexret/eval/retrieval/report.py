"""Measure a model's retrieval on pictures with captions: encode, rank, tell how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.encoders.protocol import Encoder
from lexret.eval.intervals import Interval, bootstrap_intervals, query_values
from lexret.eval.retrieval.encoding import EncodedCaptions, Progress, encode_captions
from lexret.eval.retrieval.recall import (
    RetrievalRanks,
    RetrievalResult,
    evaluate_retrieval,
    retrieval_ranks,
    summarise,
)
from lexret.eval.retrieval.trec import Ranking, rank_documents, write_qrels, write_run

TEXT_TO_IMAGE: Final = "text_to_image"
IMAGE_TO_TEXT: Final = "image_to_text"
DEFAULT_DEPTH: Final = 1000
_CHUNK_ROWS: Final = 256


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """What was found, and between which bounds it would lie for other queries of the same kind.

    Attributes:
        intervals: direction -> measure -> 95% interval; see :mod:`lexret.eval.intervals`.
        ranks: of every query, from which all of that was counted.
    """

    result: RetrievalResult
    intervals: dict[str, dict[str, Interval]]
    ranks: RetrievalRanks

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval retrieval --json`` prints it, recall in percent."""
        bounds = {
            direction: {name: interval.as_list() for name, interval in of_measure.items()}
            for direction, of_measure in self.intervals.items()
        }
        return {**self.result.as_dict(), "intervals": bounds}


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
    encoded = encode_captions(captions, images, texts, batch_size=batch_size, progress=progress)
    cut = encoded.cut(image_words=image_words, text_words=text_words)
    return evaluate_retrieval(cut.images, cut.texts, cut.owners_T, queries=cut.queries)


def report_retrieval(encoded: EncodedCaptions, *, seed: int = 0) -> RetrievalReport:
    """Measure vectors in both directions, with bootstrap intervals over pictures."""
    ranks = retrieval_ranks(
        encoded.images, encoded.texts, encoded.owners_T, queries=encoded.queries
    )
    return RetrievalReport(
        summarise(encoded.images, encoded.texts, ranks),
        intervals_of(ranks, encoded.owners_T, seed=seed),
        ranks,
    )


def intervals_of(
    ranks: RetrievalRanks, owners_T: npt.NDArray[np.int64], *, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """Return 95% intervals of both directions; a picture is drawn with all its captions."""
    forth = query_values(ranks.text_to_image)
    back = query_values(ranks.image_to_text, ranks.image_to_text_ap)
    return {
        TEXT_TO_IMAGE: bootstrap_intervals(forth, owners_T, seed=seed),
        IMAGE_TO_TEXT: bootstrap_intervals(back, seed=seed),
    }


def write_trec(folder: Path, encoded: EncodedCaptions, *, depth: int = DEFAULT_DEPTH) -> None:
    """Write ``text_to_image`` and ``image_to_text``, each as ``.qrels`` and ``.run``.

    Args:
        depth: documents that a run keeps for each query. Average precision counts those behind it
            as not found.

    Raises:
        StorageError: if a file cannot be written.
    """
    forth = {
        text: {encoded.image_ids[owner]: 1}
        for text, owner in zip(encoded.text_ids, encoded.owners_T, strict=True)
    }
    back: dict[str, dict[str, int]] = {image: {} for image in encoded.image_ids}
    for text, owner in zip(encoded.text_ids, encoded.owners_T, strict=True):
        back[encoded.image_ids[owner]][text] = 1
    directions = {TEXT_TO_IMAGE: (encoded, forth), IMAGE_TO_TEXT: (_turned(encoded), back)}
    for name, (side, qrels) in directions.items():
        write_qrels(folder / f"{name}.qrels", qrels)
        write_run(folder / f"{name}.run", _rankings(side, qrels, depth))


def _turned(encoded: EncodedCaptions) -> EncodedCaptions:
    """Let pictures be the queries."""
    return EncodedCaptions(
        encoded.texts,
        encoded.images,
        encoded.images,
        encoded.owners_T,
        encoded.text_ids,
        encoded.image_ids,
        encoded.captions,
    )


def _rankings(
    encoded: EncodedCaptions, qrels: dict[str, dict[str, int]], depth: int
) -> Iterator[Ranking]:
    documents_VD = encoded.images.to_scipy().T.tocsr()
    queries_QV = encoded.queries.to_scipy()
    for start in range(0, len(encoded.queries), _CHUNK_ROWS):
        scores_CD = (queries_QV[start : start + _CHUNK_ROWS] @ documents_VD).toarray()
        for query, scores_D in zip(encoded.text_ids[start:], scores_CD, strict=False):
            yield rank_documents(query, encoded.image_ids, scores_D, qrels[query], depth=depth)
