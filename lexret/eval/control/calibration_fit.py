"""Fit of a calibration: the evidence that a hit shows what was asked for, and its thresholds.

Legend: S searches, H hits, 4 the numbers that are measured of a hit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import minimize

from lexret.eval.control.absence_searches import Floats, Searches
from lexret.library.asking.calibration import Calibration

RATES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_RIDGE: Final = 1e-3


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
    evidence_SH = evidence_of(unset, searches)
    least = tuple(least_threshold(evidence_SH, searches, rate) for rate in rates)
    return Calibration(weights, rates, least, num_absent, data)


def evidence_of(calibration: Calibration, searches: Searches) -> Floats:
    """Return (S, H) the evidence for each hit; -inf where there is none."""
    exists_SH = searches.exists_SH
    measured = np.where(exists_SH[:, :, None], searches.measured_SH4, 0.0)
    evidence_SH = calibration.evidence(measured.reshape(-1, 4)).reshape(exists_SH.shape)
    return np.where(exists_SH, evidence_SH, -np.inf)


def least_threshold(evidence_SH: Floats, searches: Searches, rate: float) -> float:
    """Return the least threshold that at most a share of searches for absent things reaches."""
    best_S = np.sort(evidence_SH[~searches.present_S].max(axis=1))
    num_allowed = int(rate * len(best_S))
    return float(np.nextafter(best_S[len(best_S) - num_allowed - 1], np.inf))
