"""Answers a query from one segment's postings and columns.

Shapes: N documents of the segment, D documents asked about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from lexret.engine.postings.topk import best
from lexret.engine.query.filters import (
    INT64,
    PATH,
    DateFilter,
    Filter,
    NumberFilter,
    PairFilter,
    TextFilter,
)
from lexret.engine.query.query import AnyOf, Holds, Query
from lexret.engine.segments.segment import LocalHit, Scores, Segment
from lexret.engine.segments.stored_documents import Mask, Places
from lexret.engine.store.checked import AnyArray
from lexret.engine.store.columns import TEXT, encode_text


def find_in_segment(segment: Segment, query: Query, *, k: int) -> list[LocalHit]:
    """Return the best ``k`` live documents that are hits, best first, ties by number.

    Conditions on postings and numbers come first, for all documents at once; patterns are held
    only against documents that remain.
    """
    wanted_N = _by_postings(segment, query)
    for condition in query.filters:
        if isinstance(condition, NumberFilter | DateFilter | PairFilter):
            wanted_N &= _by_numbers(segment, condition) != condition.negated
    scores_N = score(segment, query) if query.scores else None
    if scores_N is not None:
        wanted_N &= scores_N > 0
    places_D = np.flatnonzero(wanted_N)
    for condition in query.filters:
        if not isinstance(condition, NumberFilter | DateFilter | PairFilter):
            places_D = _by_values(segment, condition, places_D)
    if scores_N is None:
        return [LocalHit(int(place), 0.0) for place in places_D[:k]]
    return [LocalHit(int(places_D[i]), float(scores_N[places_D[i]]))
            for i in best(scores_N[places_D], k)]  # fmt: skip


def score(segment: Segment, query: Query) -> Scores:
    """Return the scores of all documents, (N,) float64; see :class:`Query`."""
    vector = query.vector
    scores_N = (
        np.zeros(len(segment), dtype=np.float64)
        if vector is None
        else segment.score(vector.term_ids, vector.weights)
    )
    for choice in query.choices:
        parts = [segment.score(vector.term_ids, vector.weights) for vector in choice.alternatives]
        scores_N += np.maximum.reduce(parts)
    return scores_N


def _by_postings(segment: Segment, query: Query) -> Mask:
    wanted_N = np.ones(len(segment), dtype=bool)
    if segment.deleted is not None:
        wanted_N &= ~segment.deleted
    if query.without:
        ids = [encode_text(doc_id, what="Document id") for doc_id in query.without]
        wanted_N[[place for place in segment.find(ids) if place >= 0]] = False
    for condition in query.required:
        wanted_N &= _meets(segment, condition)
    for condition in query.excluded:
        wanted_N &= ~_meets(segment, condition)
    return wanted_N


def _meets(segment: Segment, condition: AnyOf) -> Mask:
    met_N = np.zeros(len(segment), dtype=bool)
    for alternative in condition.alternatives:
        met_N |= _holds_all(segment, alternative)
    return met_N


def _holds_all(segment: Segment, words: Sequence[Holds]) -> Mask:
    held_N = np.ones(len(segment), dtype=bool)
    for word in words:
        held_N &= segment.holding(word.term_id, above=word.above)
    return held_N


def _by_numbers(segment: Segment, condition: NumberFilter | DateFilter | PairFilter) -> Mask:
    nothing = (np.zeros(len(segment), dtype=np.int64), np.zeros(len(segment), dtype=bool))
    if isinstance(condition, NumberFilter):
        values, present = segment.numbers(condition.field) or nothing
        return present & _within(values, condition.low, condition.high)
    if isinstance(condition, PairFilter):
        (first, has_first), (second, has_second) = (
            segment.numbers(name) or nothing for name in condition.columns
        )
        return has_first & has_second & condition.fits(first, second)
    clock, has_clock = segment.numbers(condition.fields.by_clock) or nothing
    system, has_system = segment.numbers(condition.fields.by_system) or nothing
    by_clock = _within(clock, *condition.clock_bounds())
    by_system = has_system & _within(system, *condition.system_bounds())
    result: Mask = np.where(has_clock, by_clock, by_system)
    return result


def _within(values: AnyArray, low: float | None, high: float | None) -> Mask:
    """Tell which numbers lie within bounds; whole numbers are compared as whole numbers."""
    if values.dtype.kind == "i":
        low = INT64[0] if low is None else math.ceil(low)
        high = INT64[1] if high is None else math.floor(high)
        if low > INT64[1] or high < INT64[0]:
            return np.zeros(len(values), dtype=bool)
        low, high = max(low, INT64[0]), min(high, INT64[1])
    within = np.ones(len(values), dtype=bool)
    if low is not None:
        within &= values >= low
    if high is not None:
        within &= values <= high
    return within


def _by_values(segment: Segment, condition: Filter, places_D: Places) -> Places:
    if isinstance(condition, TextFilter):
        return _by_text(segment, condition, places_D)
    kept = [
        condition.meets(segment.doc_id(place), partial(segment.value, document=place))
        != condition.negated
        for place in places_D.tolist()
    ]
    remaining: Places = places_D[np.array(kept, dtype=bool)]
    return remaining


def _by_text(segment: Segment, condition: TextFilter, places_D: Places) -> Places:
    prefix = encode_text(condition.prefix, what="The beginning of a pattern")
    by_id = condition.field == PATH and segment.entry.columns.get(PATH) != TEXT
    field = None if by_id else condition.field
    asked_D = segment.begin_with(field, places_D, prefix)
    texts = segment.texts(field, asked_D)
    if field == PATH:
        texts = [
            segment.doc_id(place) if text is None else text
            for place, text in zip(asked_D.tolist(), texts, strict=True)
        ]
    fitting = [text is not None and condition.fits(text) for text in texts]
    fitting_D: Places = asked_D[np.array(fitting, dtype=bool)]
    if not condition.negated:
        return fitting_D
    return np.setdiff1d(places_D, fitting_D, assume_unique=True)
