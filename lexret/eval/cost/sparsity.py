"""Sparsity curve: recall, postings and time against the word budget.

Legend: I pictures, T texts, V words.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError
from lexret.eval.retrieval.encoding import EncodedCaptions
from lexret.eval.retrieval.report import RetrievalReport, report_retrieval
from lexret.sparse import SparseBatch

Cut = Literal["both", "pictures"]

DEFAULT_BUDGETS: Final = (8, 16, 32, 64, 128, 296)
NUM_TOP_WORDS: Final = 30
_TIMED_QUERIES: Final = 200
_ROUNDS: Final = 3
_K: Final = 10


@dataclass(frozen=True)
class BudgetPoint:
    """Point of the curve: vectors cut to a word budget.

    Attributes:
        budget: words that what is cut may keep; None: all that the encoder gives.
        report: recall, with intervals.
        postings: mean number of postings that a query's words have.
        milliseconds: a query's search for 10 pictures in the embedded index, one thread: the
            median over queries of the fastest of three rounds.
    """

    budget: int | None
    report: RetrievalReport
    postings: float
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the point as JSON."""
        return {
            "words": self.budget,
            **self.report.as_dict(),
            "postings_per_query": round(self.postings, 2),
            "search_ms": round(self.milliseconds, 4),
        }


@dataclass(frozen=True, eq=False)
class WordUse:
    """Use of words: in how many pictures each word is active.

    Attributes:
        words: V words.
        num_pictures_V: pictures in which each is active.
        num_pictures: I.
    """

    words: tuple[str, ...]
    num_pictures_V: npt.NDArray[np.int64]
    num_pictures: int

    @classmethod
    def of(cls, images: SparseBatch) -> WordUse:
        """Count the words of pictures."""
        counts = np.bincount(images.term_ids, minlength=len(images.vocabulary))
        return cls(images.vocabulary.words, counts.astype(np.int64), len(images))

    def by_use(self) -> list[tuple[str, float]]:
        """Return all words with the share of pictures each is active in, the most used first."""
        order = np.argsort(-self.num_pictures_V, kind="stable")
        return [(self.words[v], float(self.num_pictures_V[v] / self.num_pictures)) for v in order]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON; ``words.tsv`` has all words."""
        shares = self.num_pictures_V / self.num_pictures
        return {
            "most_used": {
                word: round(100 * share, 2) for word, share in self.by_use()[:NUM_TOP_WORDS]
            },
            "in_more_than_20_percent": int((shares > 0.2).sum()),
            "never_used": int((self.num_pictures_V == 0).sum()),
            "vocabulary": len(self.words),
        }


@dataclass(frozen=True, eq=False)
class SparsityResult:
    """Sparsity curve, and the use of words by the uncut vectors.

    Attributes:
        points: by rising budget, the uncut vectors last.
        cut: what was cut: pictures and texts, or pictures alone.
    """

    points: tuple[BudgetPoint, ...]
    use: WordUse
    cut: Cut = "both"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as ``lexret eval sparsity`` writes it."""
        return {
            "cut": self.cut,
            "curve": [point.as_dict() for point in self.points],
            "words": self.use.as_dict(),
        }


def measure_sparsity(
    encoded: EncodedCaptions,
    *,
    model_id: str,
    budgets: Sequence[int] = DEFAULT_BUDGETS,
    cut: Cut = "both",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SparsityResult:
    """Measure vectors cut to each budget.

    Args:
        budgets: words a picture; those that cut nothing are left out.
        cut: ``both`` gives texts the same budget as pictures (the paper), ``pictures`` leaves texts
            as they are.
        progress: called with (budgets done, budgets in all).

    Raises:
        InputError: if there is no budget.
    """
    if not budgets:
        raise InputError("There is no word budget; expected one or more, such as 32 and 296.")
    sides = [encoded.images, encoded.texts, encoded.queries][: None if cut == "both" else 1]
    most = max(int(np.diff(side.indptr).max(initial=0)) for side in sides)
    wanted: list[int | None] = [*sorted({budget for budget in budgets if budget < most}), None]
    points = []
    for done, budget in enumerate(wanted, start=1):
        kept = encoded.cut(image_words=budget, text_words=budget if cut == "both" else None)
        points.append(
            BudgetPoint(
                budget,
                report_retrieval(kept, seed=seed),
                postings_per_query(kept.images, kept.queries),
                search_milliseconds(kept, model_id=model_id),
            )
        )
        if progress is not None:
            progress(done, len(wanted))
    return SparsityResult(tuple(points), WordUse.of(encoded.images), cut)


def postings_per_query(images: SparseBatch, texts: SparseBatch) -> float:
    """Return how many postings a text's words have on average, which a search must read."""
    frequency_V = np.bincount(images.term_ids, minlength=len(images.vocabulary))
    return float(frequency_V[texts.term_ids].sum() / len(texts))


def search_milliseconds(encoded: EncodedCaptions, *, model_id: str) -> float:
    """Return the median time of a search in a fresh embedded index; see :class:`BudgetPoint`."""
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.writer import EmbeddedIndexWriter

    queries = [row.as_batch() for row in encoded.queries][:_TIMED_QUERIES]
    with tempfile.TemporaryDirectory(prefix="lexret-eval-") as folder:
        path = Path(folder) / "index"
        with EmbeddedIndexWriter.create(
            path, encoded.images.vocabulary, model_id=model_id
        ) as writer:
            writer.add(list(encoded.image_ids), encoded.images)
            writer.commit()
        index = EmbeddedIndex(path, engine="numpy")
        rounds = np.empty((_ROUNDS, len(queries)))
        for times in rounds:
            for i, query in enumerate(queries):
                start = time.perf_counter()
                index.search(query, k=_K)
                times[i] = time.perf_counter() - start
    return 1000.0 * float(np.median(rounds.min(axis=0)))
