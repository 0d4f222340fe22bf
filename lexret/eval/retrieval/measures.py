"""Figures of a run against qrels, by trec_eval's definitions.

R@k here is "success at k" there: any right document among the first k, which is what the Karpathy
protocol counts. Average precision is the mean, over ALL right documents of a query, of the
precision at their places; those that were not found add 0. Every query of the qrels with a right
document counts, also one that the run lacks; queries that only the run has do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError
from lexret.eval.intervals import (
    Difference,
    Interval,
    Values,
    bootstrap_intervals,
    compare,
    query_values,
)
from lexret.eval.retrieval.trec import Qrels, Run


@dataclass(frozen=True, eq=False)
class QueryFigures:
    """Figures of each query of a run.

    Attributes:
        queries: ids, in the qrels' order.
        ranks: (Q,) float64 of the best right document, from 1; infinite where none was found.
        precisions: (Q,) average precision.
        groups: (Q,) queries with the same right documents are one group.
    """

    queries: tuple[str, ...]
    ranks: Values
    precisions: Values
    groups: npt.NDArray[np.int64]

    def values(self) -> dict[str, Values]:
        """Return each query's contribution to each measure, in percent."""
        return query_values(self.ranks, self.precisions)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, in percent, as reports name them; a median past the run is None."""
        means = {name: round(float(value.mean()), 4) for name, value in self.values().items()}
        median = float(np.median(self.ranks))
        return {**means, "median_rank": median if np.isfinite(median) else None}

    def intervals(self, *, seed: int = 0) -> dict[str, Interval]:
        """Return 95% intervals."""
        return bootstrap_intervals(self.values(), self.groups, seed=seed)


def measure_run(qrels: Qrels, run: Run) -> QueryFigures:
    """Measure a run.

    Args:
        run: query -> documents, the best first.

    Raises:
        InputError: if no query of the qrels has a right document, or the run has none of them.
    """
    right = {
        query: frozenset(document for document, gain in gains.items() if gain > 0)
        for query, gains in qrels.items()
    }
    right = {query: documents for query, documents in right.items() if documents}
    if not right:
        raise InputError("The qrels name no right document for any query.")
    if not any(query in run for query in right):
        raise InputError(
            f"The run has none of the qrels' {len(right)} queries (such as "
            f"{next(iter(right))!r}); it has {next(iter(run), 'no query')!r}."
        )
    ranks, precisions = np.full(len(right), np.inf), np.zeros(len(right))
    group_of: dict[frozenset[str], int] = {}
    groups = np.array(
        [group_of.setdefault(documents, len(group_of)) for documents in right.values()]
    )
    for row, (query, documents) in enumerate(right.items()):
        ranked = enumerate(run.get(query, ()), start=1)
        places = [place for place, document in ranked if document in documents]
        if places:
            ranks[row] = places[0]
            found = np.arange(1, len(places) + 1)
            precisions[row] = (found / np.array(places)).sum() / len(documents)
    return QueryFigures(tuple(right), ranks, precisions, groups)


def compare_runs(qrels: Qrels, first: Run, second: Run, *, seed: int = 0) -> dict[str, Difference]:
    """Compare two runs over the qrels' queries; see :func:`lexret.eval.intervals.compare`."""
    of_first, of_second = measure_run(qrels, first), measure_run(qrels, second)
    return compare(of_first.values(), of_second.values(), of_first.groups, seed=seed)
