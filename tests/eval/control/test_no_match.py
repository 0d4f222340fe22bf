"""Searches for absent things, and thresholds that keep them empty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lexret.errors import InputError
from lexret.eval.control.absence_searches import make_searches
from lexret.eval.control.annotated_pictures import AnnotatedPictures
from lexret.eval.control.calibration_fit import fit
from lexret.eval.control.concepts import Inventory
from lexret.eval.control.no_match import measure_no_match
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = tuple(f"word{i}" for i in range(40))


class Names:
    """Encodes a name as itself and a word that all pictures have."""

    model_id = "names"
    vocabulary = Vocabulary([*WORDS, "common"])

    def encode(self, items: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        rows = [{item.split()[-1]: 1.0, "common": 0.5} for item in items]
        return SparseBatch.from_words(rows, self.vocabulary)


def pictures(*, noise: float, things: int = 40, num_pictures: int = 120) -> AnnotatedPictures:
    """Pictures that show three things each; their words say so, beside noise."""
    rng = np.random.default_rng(0)
    shown = np.zeros((things, num_pictures), dtype=bool)
    for i in range(num_pictures):
        shown[rng.permutation(things)[:3], i] = True
    weights = 0.5 * shown.T + noise * rng.random((num_pictures, things))
    common = rng.random((num_pictures, 1)) * 0.5
    words = np.hstack([weights, np.zeros((num_pictures, 40 - things)), common])
    sparse = SparseBatch.from_dense(words, Names.vocabulary)
    dense = np.ones((num_pictures, 2), np.float32)
    return AnnotatedPictures(sparse, dense, Inventory(WORDS[:things], shown), "data")


def test_every_thing_is_searched_for_with_and_without_its_pictures() -> None:
    searches = make_searches(pictures(noise=0.1), Names())
    assert len(searches.present_S) > 200
    # No hit of a search for an absent thing shows it.
    assert not searches.right_SH[~searches.present_S].any()
    assert searches.right_SH[searches.present_S, 0].mean() > 0.8
    scores = searches.measured_SH4[:, :, 0]
    assert (np.diff(scores, axis=1)[searches.exists_SH[:, 1:]] <= 0).all()


def test_clear_pictures_are_told_from_noise_better_than_by_a_flat_cut_off() -> None:
    result = measure_no_match(pictures(noise=0.3), Names())
    five = result.calibrated[0.05]
    assert five.false_matches < 12
    assert five.missed <= result.flat[0.05].missed
    assert five.missed < 30
    assert result.unlimited.false_matches == 100.0
    assert result.unlimited.missed == 0.0
    values = result.as_dict()
    assert set(values) >= {"calibrated", "flat_cut_off", "everything_counts", "num_searches"}
    assert set(values["calibrated"]) == {"5%", "10%", "20%"}


def test_thresholds_let_through_no_more_than_they_may() -> None:
    searches = make_searches(pictures(noise=0.5), Names())
    calibration = fit(searches, data="data")
    assert min(calibration.weights[:3]) >= 0
    assert list(calibration.least_evidence) == sorted(calibration.least_evidence, reverse=True)
    absent = searches.part(~searches.present_S)
    for rate in (0.05, 0.2):
        there = absent.exists_SH
        measured = np.where(there[:, :, None], absent.measured_SH4, -1e9).reshape(-1, 4)
        evidence = calibration.evidence(measured).reshape(there.shape).max(axis=1)
        assert (evidence >= calibration.threshold(rate)).mean() <= rate


def test_too_few_searches_are_an_error() -> None:
    with pytest.raises(InputError, match="Use more pictures"):
        measure_no_match(pictures(noise=0.1, things=4, num_pictures=10), Names())


def test_what_is_learnt_from_other_pictures_judges_these() -> None:
    here, there = pictures(noise=0.3), pictures(noise=0.6, num_pictures=90)
    result = measure_no_match(here, Names(), learn_from=[there])
    lessons = make_searches(there, Names())
    assert result.calibration == fit(lessons, data=there.fingerprint)
    assert result.num_pictures == 120


def test_hold_is_the_least_of_typed_weights_over_their_levels() -> None:
    found = make_searches(
        pictures(noise=0.0), Names(), levels_V=np.full(41, 0.4, np.float32)
    ).measured_SH4
    there = np.isfinite(found[:, :, 0])
    assert found[there][:, 3] == pytest.approx(np.minimum(found[there][:, 2] / 0.4, 2.0))
