"""Whether a search found anything: evidence for a match, and thresholds by false matches.

A score alone does not say whether a picture shows what was asked for: some words are rarer than
others, some collections further from what the model was trained on. The evidence for a hit is a
weighted sum of three numbers and a constant:

- the score itself;
- how far the score stands above those of the collection: (score - mean) / standard deviation, over
  ALL its pictures, those that share no word with the query too;
- the mean weight in the picture of the query's own words (not those that the encoder added).

A calibration holds the weights and, for shares of false matches, the least evidence that a hit
needs. It is measured on pictures of which it is known what they show (``lexret eval no-match``) and
lies in the model's folder, because it belongs to the model and to one of its text encoders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import CorruptError, InputError, MismatchError, MissingError, StorageError
from lexret.files.whole import replace_file
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary

CALIBRATION_FILE: Final = "calibration.json"
NUM_CONSIDERED: Final = 10
_FORMAT: Final = 1

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What a model's scores are worth.

    Attributes:
        weights: of score, standing and own words' weight, and the constant.
        rates: rising shares of queries for absent things that may find something, from 0 to 1.
        least_evidence: for each rate, what the best hit of a query must have.
        num_queries: queries for absent things that it was measured with.
        data: hash of the pictures that it was measured on.
    """

    weights: tuple[float, float, float, float]
    rates: tuple[float, ...]
    least_evidence: tuple[float, ...]
    num_queries: int
    data: str

    def evidence(self, measured_H3: Floats) -> Floats:
        """Return the evidence for hits from (H, 3) numbers, as :func:`measure_hits` gives them."""
        *weights, constant = self.weights
        evidence_H: Floats = measured_H3 @ np.array(weights) + constant
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


def measure_hits(
    scores: Sequence[float] | Floats, all_scores: Floats, num_pictures: int, own_weights: Floats
) -> Floats:
    """Return (H, 3) score, standing and own words' weight of hits.

    Args:
        scores: of the H hits.
        all_scores: of every picture that shares a word with the query.
        num_pictures: in the collection; the others score 0.
        own_weights: (H,) mean weight of the query's own words.
    """
    mean = float(all_scores.sum()) / num_pictures
    square = float(np.square(all_scores).sum()) / num_pictures
    deviation = max(square - mean * mean, 0.0) ** 0.5
    found = np.asarray(scores, dtype=np.float64)
    standing = (found - mean) / deviation if deviation > 1e-9 else np.zeros_like(found)
    return np.stack([found, standing, np.asarray(own_weights, dtype=np.float64)], axis=1)


def own_terms(text: str, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """Return the distinct ids of the words that a text itself holds, rising."""
    return np.unique(np.array(vocabulary.match(text)[0], dtype=np.int32))


def matching(
    index: Any, text: str, query: LexicalVector, calibration: Calibration, *, rate: float
) -> frozenset[str]:
    """Return the documents among the best of a search that are surely enough what was asked for.

    Of no more than the ten best by score, which are those that were calibrated.

    Args:
        index: anything with ``search`` and ``weights`` as the embedded index has them.
        rate: the share of searches for absent things that may find something.

    Raises:
        InputError: if ``rate`` is smaller than the calibration can tell.
    """
    least = calibration.threshold(rate)
    (hits,) = index.search(query.as_batch(), k=max(1, len(index)))
    if not hits:
        return frozenset()
    best = hits[:NUM_CONSIDERED]
    ids = [hit.doc_id for hit in best]
    own = own_terms(text, index.vocabulary)
    weights = index.weights(ids, own).mean(axis=1) if len(own) else np.zeros(len(ids))
    all_scores = np.array([hit.score for hit in hits])
    measured = measure_hits([hit.score for hit in best], all_scores, len(index), weights)
    enough = calibration.evidence(measured) >= least
    return frozenset(doc_id for doc_id, is_enough in zip(ids, enough, strict=True) if is_enough)


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
            (weights[0], weights[1], weights[2], weights[3]),
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
        values = json.loads(path.read_bytes())
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
