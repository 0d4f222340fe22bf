"""Searches for things that no picture shows, and thresholds that keep them empty.

Weights and thresholds are fitted on some of the things and measured on the others.

Legend: S searches, H hits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lexret.encoders.protocol import Encoder
from lexret.errors import InputError
from lexret.eval.control.absence_searches import Bools, Floats, Searches, joined, make_searches
from lexret.eval.control.annotated_pictures import AnnotatedPictures
from lexret.eval.control.calibration_fit import evidence_of, fit, least_threshold
from lexret.library.asking.calibration import Calibration
from lexret.sparse import FloatArray

REPORTED_RATES: Final = (0.05, 0.1, 0.2)
_NUM_FOLDS: Final = 5
_MIN_SEARCHES: Final = 20

# Allowed rate -> searches, and by how much each of their hits passes the threshold.
Judged = dict[float, list[tuple[Searches, Floats]]]


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Error rates at one allowed share of false matches, in percent.

    Attributes:
        false_matches: searches for absent things that found something.
        missed: searches for present things that found nothing.
        right: searches for present things whose best hit that was let through shows the thing.
    """

    false_matches: float
    missed: float
    right: float

    def as_dict(self) -> dict[str, float]:
        """Return it as JSON."""
        return {
            "false_matches": round(self.false_matches, 4),
            "missed": round(self.missed, 4),
            "right": round(self.right, 4),
        }


@dataclass(frozen=True, eq=False)
class NoMatchResult:
    """Result of calibration, with that of a flat cut-off of the score, and the calibration itself.

    Attributes:
        calibrated: allowed rate -> errors, each thing judged by a fit on other things.
        flat: the same of one threshold for all scores, chosen likewise.
        unlimited: errors if every hit counts.
        calibration: fitted on all things, for use.
    """

    calibrated: dict[float, ErrorRates]
    flat: dict[float, ErrorRates]
    unlimited: ErrorRates
    calibration: Calibration
    num_things: int
    num_absent: int
    num_present: int
    num_pictures: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval no-match --json`` prints it."""
        return {
            "calibrated": _by_rate(self.calibrated),
            "flat_cut_off": _by_rate(self.flat),
            "everything_counts": self.unlimited.as_dict(),
            "num_things": self.num_things,
            "num_searches": {"absent": self.num_absent, "present": self.num_present},
            "num_images": self.num_pictures,
        }


def _by_rate(errors: Mapping[float, ErrorRates]) -> dict[str, dict[str, float]]:
    return {f"{rate:.0%}": rates.as_dict() for rate, rates in errors.items()}


def measure_no_match(
    pictures: AnnotatedPictures,
    texts: Encoder[str],
    *,
    learn_from: Sequence[AnnotatedPictures] = (),
    levels_V: FloatArray | None = None,
    silent: Collection[int] = (),
    seed: int = 0,
) -> NoMatchResult:
    """Fit a calibration and measure both errors.

    Args:
        learn_from: what to fit on; without any, on the same pictures, each thing judged by a fit
            on other things.
        levels_V: the words' levels; None: the model has none.
        silent: term ids that the model never gives a picture.

    Raises:
        InputError: if the pictures give too few searches to learn from.
    """

    def searched(known: AnnotatedPictures) -> Searches:
        return make_searches(known, texts, levels_V=levels_V, silent=silent, seed=seed)

    searches = searched(pictures)
    absent = int((~searches.present_S).sum())
    if min(absent, len(searches.present_S) - absent) < _MIN_SEARCHES:
        raise InputError(
            f"These pictures give {absent} searches for absent things and "
            f"{len(searches.present_S) - absent} for present ones; expected {_MIN_SEARCHES} or "
            "more of each. Use more pictures, of more things."
        )
    if learn_from:
        fitted_on = joined([searched(known) for known in learn_from])
        data = ", ".join(pictures.fingerprint for pictures in learn_from)
        splits = [(fitted_on, searches)]
    else:
        fitted_on, data = searches, pictures.fingerprint
        splits = _folds(searches)
    calibrated, flat = _judged(splits, data)
    everything = np.where(searches.exists_SH, 1.0, -1.0)
    return NoMatchResult(
        {rate: _errors(judged) for rate, judged in calibrated.items()},
        {rate: _errors(judged) for rate, judged in flat.items()},
        _errors([(searches, everything)]),
        fit(fitted_on, data=data),
        len(np.unique(searches.thing_S)),
        absent,
        len(searches.present_S) - absent,
        len(pictures.sparse),
    )


def _folds(searches: Searches) -> list[tuple[Searches, Searches]]:
    """Return pairs of searches to fit on and searches for other things to judge."""
    fold_S = searches.thing_S % _NUM_FOLDS
    return [(searches.part(fold_S != fold), searches.part(fold_S == fold))
            for fold in range(_NUM_FOLDS)]  # fmt: skip


def _judged(splits: Sequence[tuple[Searches, Searches]], data: str) -> tuple[Judged, Judged]:
    """Return by how much hits pass a threshold, for each rate: calibrated, and of scores alone."""
    calibrated: Judged = {rate: [] for rate in REPORTED_RATES}
    flat: Judged = {rate: [] for rate in REPORTED_RATES}
    for known, others in splits:
        fitted = fit(known, data=data)
        known_flat, others_flat = known.measured_SH4[:, :, 0], others.measured_SH4[:, :, 0]
        for rate in REPORTED_RATES:
            least = fitted.threshold(rate)
            calibrated[rate].append((others, evidence_of(fitted, others) - least))
            flat[rate].append((others, others_flat - least_threshold(known_flat, known, rate)))
    return calibrated, flat


def _errors(judged: Sequence[tuple[Searches, Floats]]) -> ErrorRates:
    """Sum up searches whose hits are let through where the margin is at least 0."""
    absent, missed, right = [], [], []
    for searches, margin_SH in judged:
        let_through_SH = margin_SH >= 0
        any_S = let_through_SH.any(axis=1)
        first_S = let_through_SH.argmax(axis=1)
        rights_S = np.take_along_axis(searches.right_SH, first_S[:, None], axis=1)[:, 0]
        is_right_S: Bools = np.asarray(any_S & rights_S)
        found_S: Bools = np.asarray(any_S)
        absent += found_S[~searches.present_S].tolist()
        missed += (~found_S[searches.present_S]).tolist()
        right += is_right_S[searches.present_S].tolist()
    return ErrorRates(*(100.0 * float(np.mean(rate)) for rate in (absent, missed, right)))
