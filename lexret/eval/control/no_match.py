"""Searches for things that no picture shows, and thresholds that keep them empty.

Annotated pictures give searches of both kinds: for each thing, a collection with it and one from
which its pictures were taken out, each whole, halved and quartered at random, asked for in several
ways. Weights and thresholds are fitted on some of the things and measured on the others.

Legend: C things, Q queries, I pictures, S searches.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from lexret.encoders.protocol import Encoder
from lexret.encoders.text.queries import queries_of
from lexret.errors import InputError
from lexret.eval.control.annotated_pictures import AnnotatedPictures
from lexret.library.asking.calibration import (
    NUM_CONSIDERED,
    Calibration,
    measure_hits,
    moments,
    sayable_words,
)
from lexret.sparse import FloatArray

RATES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
REPORTED_RATES: Final = (0.05, 0.1, 0.2)
# How people ask for a thing.
WAYS: Final = ("{}", "a {}", "a photo of a {}")
_NUM_FOLDS: Final = 5
_FRACTIONS: Final = (1.0, 0.5, 0.25)
_MIN_PICTURES: Final = 8
_MIN_SEARCHES: Final = 20
_RIDGE: Final = 1e-3

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Searches:
    """Searches, each by its ten best hits.

    Attributes:
        measured_SH4: score, standing, typed words' weight and hold of the hits; rows of hits that
            there were not are -inf in the score.
        right_SH: whether a hit shows the thing.
        present_S: whether any picture of the collection does.
        thing_S: what was asked for.
    """

    measured_SH4: Floats
    right_SH: Bools
    present_S: Bools
    thing_S: npt.NDArray[np.int64]

    def part(self, chosen_S: Bools) -> Searches:
        """Return some of the searches."""
        return Searches(
            self.measured_SH4[chosen_S],
            self.right_SH[chosen_S],
            self.present_S[chosen_S],
            self.thing_S[chosen_S],
        )

    @property
    def exists_SH(self) -> Bools:
        """Whether there is such a hit."""
        there: Bools = np.isfinite(self.measured_SH4[:, :, 0])
        return there


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


Judged = dict[float, list[tuple[Searches, Floats]]]


def _judged(splits: Sequence[tuple[Searches, Searches]], data: str) -> tuple[Judged, Judged]:
    """Return by how much hits pass a threshold, for each rate: calibrated, and of scores alone."""
    calibrated: Judged = {rate: [] for rate in REPORTED_RATES}
    flat: Judged = {rate: [] for rate in REPORTED_RATES}
    for known, others in splits:
        fitted = fit(known, data=data)
        known_flat, others_flat = known.measured_SH4[:, :, 0], others.measured_SH4[:, :, 0]
        for rate in REPORTED_RATES:
            least = fitted.threshold(rate)
            calibrated[rate].append((others, _evidence(fitted, others) - least))
            flat[rate].append((others, others_flat - _least(known_flat, known, rate)))
    return calibrated, flat


def make_searches(
    pictures: AnnotatedPictures,
    texts: Encoder[str],
    *,
    levels_V: FloatArray | None = None,
    silent: Collection[int] = (),
    seed: int = 0,
) -> Searches:
    """Search for every thing in collections with and without it."""
    inventory, rng = pictures.inventory, np.random.default_rng(seed)
    images_IV = pictures.sparse.to_scipy()
    asked = [(c, way.format(name)) for way in WAYS for c, name in enumerate(inventory.names)]
    written = [text for _, text in asked]
    queries = queries_of(texts, texts.encode(written), written)
    scores_QI = (queries.to_scipy() @ images_IV.T).toarray().astype(np.float64)
    rows: list[tuple[Floats, Bools, bool, int]] = []
    for (thing, text), scores_I in zip(asked, scores_QI, strict=True):
        typed = sayable_words(text, pictures.sparse.vocabulary, silent)
        typed_IT = images_IV[:, typed].toarray().astype(np.float64)
        levels_T = None if levels_V is None else levels_V[typed].astype(np.float64)
        shown_I = inventory.shown_CI[thing]
        for with_it in (True, False):
            pool = np.arange(len(shown_I)) if with_it else np.flatnonzero(~shown_I)
            for fraction in _FRACTIONS:
                size = round(len(pool) * fraction)
                collection = np.sort(rng.permutation(pool)[:size])
                present = bool(shown_I[collection].any())
                if size < _MIN_PICTURES or present != with_it:
                    continue  # halving may have taken the thing out: that is the other kind
                rows.append(
                    (
                        *_one_search(scores_I, typed_IT, levels_T, shown_I, collection),
                        present,
                        thing,
                    )
                )
    measured, right, present_S, things = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Searches(
        np.array(measured).reshape(-1, NUM_CONSIDERED, 4),
        np.array(right, dtype=bool).reshape(-1, NUM_CONSIDERED),
        np.array(present_S, dtype=bool),
        np.array(things, dtype=np.int64),
    )


def _one_search(
    scores_I: Floats,
    typed_IT: Floats,
    levels_T: Floats | None,
    shown_I: Bools,
    collection: npt.NDArray[np.int64],
) -> tuple[Floats, Bools]:
    scores = scores_I[collection]
    order = np.argsort(-scores, kind="stable")[:NUM_CONSIDERED]
    hits = order[scores[order] > 0]
    found = np.full((NUM_CONSIDERED, 4), -np.inf)
    found[:, 1:] = 0.0
    right = np.zeros(NUM_CONSIDERED, dtype=bool)
    if len(hits):
        chosen = collection[hits]
        found[: len(hits)] = measure_hits(
            scores[hits], moments(scores[scores > 0], len(collection)), typed_IT[chosen], levels_T
        )
        right[: len(hits)] = shown_I[chosen]
    return found, right


def joined(parts: Sequence[Searches]) -> Searches:
    """Put searches of several collections together."""
    return Searches(
        np.concatenate([part.measured_SH4 for part in parts]),
        np.concatenate([part.right_SH for part in parts]),
        np.concatenate([part.present_S for part in parts]),
        np.concatenate([part.thing_S for part in parts]),
    )


def fit(searches: Searches, *, data: str) -> Calibration:
    """Fit the evidence (logistic regression on best hits) and the thresholds (quantiles)."""
    found_S = searches.exists_SH[:, 0]
    features_S4 = searches.measured_SH4[found_S, 0]
    wanted_S = np.where(searches.present_S & searches.right_SH[:, 0], 1.0, -1.0)[found_S]
    center_4, scale_4 = features_S4.mean(axis=0), features_S4.std(axis=0) + 1e-9
    scaled_S4 = (features_S4 - center_4) / scale_4

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins_S = wanted_S * (scaled_S4 @ weights[:4] + weights[4])
        pull_S = -wanted_S / (1.0 + np.exp(np.clip(margins_S, -50, 50)))
        gradient = np.append(scaled_S4.T @ pull_S, pull_S.sum()) / len(margins_S)
        gradient[:4] += 2 * _RIDGE * weights[:4]
        value = np.logaddexp(0.0, -margins_S).mean() + _RIDGE * (weights[:4] ** 2).sum()
        return float(value), gradient

    # Evidence never falls with any of the four numbers: a better score cannot speak against.
    bounds = [(0.0, None)] * 4 + [(None, None)]
    solved = minimize(loss, np.zeros(5), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = solved[:4] / scale_4
    constant = float(solved[4] - slopes @ center_4)
    score, standing, weight, hold = (float(slope) for slope in slopes)
    weights = (score, standing, weight, hold, constant)
    num_absent = int((~searches.present_S).sum())
    rates = tuple(rate for rate in RATES if rate * num_absent >= 1) or (RATES[-1],)
    unset = Calibration(weights, rates, (0.0,) * len(rates), num_absent, data)
    evidence_SH = _evidence(unset, searches)
    least = tuple(_least(evidence_SH, searches, rate) for rate in rates)
    return Calibration(weights, rates, least, num_absent, data)


def _evidence(calibration: Calibration, searches: Searches) -> Floats:
    exists_SH = searches.exists_SH
    measured = np.where(exists_SH[:, :, None], searches.measured_SH4, 0.0)
    evidence_SH = calibration.evidence(measured.reshape(-1, 4)).reshape(exists_SH.shape)
    return np.where(exists_SH, evidence_SH, -np.inf)


def _least(evidence_SH: Floats, searches: Searches, rate: float) -> float:
    """Return the least threshold that at most a share of searches for absent things reaches."""
    best_S = np.sort(evidence_SH[~searches.present_S].max(axis=1))
    num_allowed = int(rate * len(best_S))
    return float(np.nextafter(best_S[len(best_S) - num_allowed - 1], np.inf))


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
