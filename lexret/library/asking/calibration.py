"""Whether a search found anything: evidence for a match, and thresholds by false matches.

A score alone does not say whether a picture shows what was asked for: some words are rarer than
others, some collections further from what the model was trained on. The evidence for a hit is a
weighted sum of four numbers and a constant:

- the score itself;
- how far the score stands above those of the collection: (score - mean) / standard deviation, over
  ALL its pictures, those that share no word with the query too;
- the least weight in the picture among the words that were typed (not those that the encoder
  added): a red pepper is no red rose;
- how far the picture holds them: the least of each typed word's weight over its level, at most 2
  (:mod:`lexret.encoders.folder.word_levels`; 0 for a model without levels).

Words that the model never says of a picture ("photo") are not among the typed ones.

A calibration holds the weights and, for shares of false matches, the least evidence that a hit
needs. It is measured on pictures of which it is known what they show (``lexret eval no-match``) and
lies in the model's folder, because it belongs to the model and to one of its text encoders.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from lexret.encoders.text.queries import typed_words
from lexret.errors import CorruptError, InputError, MismatchError, MissingError, StorageError
from lexret.files.text import parse_json
from lexret.files.whole import replace_file
from lexret.sparse import FloatArray, IdArray, LexicalVector
from lexret.vocabulary import Vocabulary

CALIBRATION_FILE: Final = "calibration.json"
NUM_CONSIDERED: Final = 10
# Hits with the evidence that this share of searches for absent things reaches are called sure.
SURE_RATE: Final = 0.2
_FORMAT: Final = 2
# A word that is hardly ever active has a level near 0.
_LEAST_LEVEL: Final = 0.01
_MOST_HOLD: Final = 2.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What a model's scores are worth.

    Attributes:
        weights: of score, standing, typed words' weight and hold, and the constant.
        rates: rising shares of queries for absent things that may find something, from 0 to 1.
        least_evidence: for each rate, what the best hit of a query must have.
        num_queries: queries for absent things that it was measured with.
        data: hash of the pictures that it was measured on.
    """

    weights: tuple[float, float, float, float, float]
    rates: tuple[float, ...]
    least_evidence: tuple[float, ...]
    num_queries: int
    data: str

    def evidence(self, measured_H4: Floats) -> Floats:
        """Return the evidence for hits from (H, 4) numbers, as :func:`measure_hits` gives them."""
        *weights, constant = self.weights
        evidence_H: Floats = measured_H4 @ np.array(weights) + constant
        return evidence_H

    def threshold(self, rate: float) -> float:
        """Return the least evidence for a share of false matches.

        Raises:
            InputError: if the share is smaller than what could be measured.
        """
        within = [place for place in range(len(self.rates)) if self.rates[place] <= rate + 1e-9]
        if not within:
            raise InputError(
                f"--max-false-matches {rate:.3g} asks for more than the calibration can tell: it "
                f"was measured with {self.num_queries} queries. Allow {self.rates[0]:.1%} or more."
            )
        return self.least_evidence[within[-1]]


def moments(all_scores: Floats, num_pictures: int) -> tuple[float, float]:
    """Return the mean and the standard deviation of the scores of a collection.

    Args:
        all_scores: of every picture that shares a word with the query.
        num_pictures: in the collection; the others score 0.
    """
    mean = float(all_scores.sum()) / num_pictures
    square = float(np.square(all_scores).sum()) / num_pictures
    return mean, float(max(square - mean * mean, 0.0)) ** 0.5


def measure_hits(
    scores: Sequence[float] | Floats,
    mean_and_deviation: tuple[float, float],
    typed_weights_HT: Floats,
    typed_levels_T: Floats | None,
) -> Floats:
    """Return (H, 4) score, standing, typed words' weight and hold of hits.

    Args:
        scores: of the H hits.
        mean_and_deviation: of the scores of all pictures; see :func:`moments`.
        typed_weights_HT: the hits' weights of the T words that were typed and can be said.
        typed_levels_T: their levels; None: the model has none.
    """
    mean, deviation = mean_and_deviation
    found = np.asarray(scores, dtype=np.float64)
    standing = (found - mean) / deviation if deviation > 1e-9 else np.zeros_like(found)
    nothing = np.zeros_like(found)
    has_typed = typed_weights_HT.shape[1] > 0
    weight = typed_weights_HT.min(axis=1) if has_typed else nothing
    hold = nothing
    if has_typed and typed_levels_T is not None:
        levels_T = np.maximum(typed_levels_T, _LEAST_LEVEL)
        hold = np.minimum(typed_weights_HT / levels_T, _MOST_HOLD).min(axis=1)
    return np.stack([found, standing, weight, hold], axis=1)


def sayable_words(text: str, vocabulary: Vocabulary, silent: Collection[int]) -> IdArray:
    """Return the distinct ids of a text's words, rising, without those of no picture."""
    typed = typed_words(text, vocabulary)
    kept = [term_id for term_id in typed.tolist() if term_id not in silent]
    return np.array(kept, dtype=np.int32)


class ScoredPicture(Protocol):
    """A hit of a search."""

    @property
    def doc_id(self) -> str:
        """Its id."""
        ...

    @property
    def score(self) -> float:
        """Its score."""
        ...


def surely_match(
    index: Any,
    hits: Sequence[ScoredPicture],
    text: str,
    query: LexicalVector,
    calibration: Calibration,
    *,
    levels_V: FloatArray | None = None,
    silent: Collection[int] = (),
    rate: float = SURE_RATE,
) -> list[bool]:
    """Tell which hits of a search are surely enough what was asked for.

    Args:
        index: anything with ``score_moments`` and ``weights`` as the embedded index has them.
        hits: with ``doc_id`` and ``score``.
        text: what was typed.
        levels_V: the words' levels; None: the model has none.
        silent: term ids that the model never gives a picture.
        rate: the share of searches for absent things that may find something.

    Raises:
        InputError: if ``rate`` is smaller than the calibration can tell.
    """
    least = calibration.threshold(rate)
    if not hits:
        return []
    typed = sayable_words(text, index.vocabulary, silent)
    levels_T = None if levels_V is None else levels_V[typed].astype(np.float64)
    weights_HT = index.weights([hit.doc_id for hit in hits], typed).astype(np.float64)
    # To score the whole collection again takes time, and is of no use where it does not count.
    spread = index.score_moments(query) if calibration.weights[1] else (0.0, 0.0)
    measured_H4 = measure_hits([hit.score for hit in hits], spread, weights_HT, levels_T)
    enough: list[bool] = (calibration.evidence(measured_H4) >= least).tolist()
    return enough


def read_calibration(folder: Path, *, model_id: str, text_encoder: str) -> Calibration:
    """Read the calibration of a model's text encoder from the model's folder.

    Raises:
        MissingError: if there is none for this text encoder; the message says how to make it.
        MismatchError: if it is another model's.
        CorruptError: if the file is damaged.
    """
    path = folder / CALIBRATION_FILE
    remedy = (
        "Make one from pictures with captions, or with masks: lexret eval no-match SOURCE "
        "--model MODEL --save"
    )
    values = _read(path)
    if values is None or text_encoder not in values["text_encoders"]:
        raise MissingError(
            f"The model {model_id} has no calibration for its {text_encoder} texts. {remedy}"
        )
    if values["model_id"] != model_id:
        raise MismatchError(
            f"The calibration {path} is of {values['model_id']}, the model is {model_id}. {remedy}"
        )
    try:
        found = values["text_encoders"][text_encoder]
        weights = [float(weight) for weight in found["weights"]]
        calibration = Calibration(
            (weights[0], weights[1], weights[2], weights[3], weights[4]),
            tuple(float(rate) for rate in found["rates"]),
            tuple(float(least) for least in found["least_evidence"]),
            int(found["num_queries"]),
            str(found["data"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CorruptError(f"{path} is damaged: {error!r}. {remedy}") from error
    if len(calibration.rates) != len(calibration.least_evidence) or not calibration.rates:
        raise CorruptError(f"{path} is damaged: its rates and thresholds do not pair. {remedy}")
    return calibration


def save_calibration(
    folder: Path, calibration: Calibration, *, model_id: str, text_encoder: str
) -> None:
    """Write a calibration into a model's folder; that of its other text encoder is kept.

    Raises:
        CorruptError: if a calibration is there that cannot be read.
        StorageError: if the folder cannot be written.
    """
    path = folder / CALIBRATION_FILE
    old = _read(path)
    others: Mapping[str, Any] = {}
    if old is not None and old["model_id"] == model_id:
        others = old["text_encoders"]
    values = {
        "format": _FORMAT,
        "model_id": model_id,
        "text_encoders": {**others, text_encoder: asdict(calibration)},
    }
    try:
        replace_file(path, (json.dumps(values, indent=2) + "\n").encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = parse_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CorruptError(f"The calibration {path} cannot be read: {error}.") from error
    if (
        not isinstance(values, dict)
        or values.get("format") != _FORMAT
        or not isinstance(values.get("text_encoders"), dict)
        or not isinstance(values.get("model_id"), str)
    ):
        raise CorruptError(f"{path} is no calibration of format {_FORMAT}; make it anew.")
    return values
