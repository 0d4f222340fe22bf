"""Measure of mixed queries as search answers them, beside simpler ways and controls.

All are asked of a real index, made for it, through the same code as a search. The product of both
scores is no single query vector, so no engine of vectors answers it: it tells what is left to win.

Legend: N pictures, Q queries.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.binding import Examples, bind_query
from lexret.engine.query.parser import parse_query
from lexret.engine.query.query import Query
from lexret.eval.intervals import Interval, bootstrap_intervals
from lexret.eval.mixed.queries import FIRST, MixedQueries, share_right
from lexret.library.asking.mixing import fitted_to_words
from lexret.sparse import LexicalVector, SparseBatch

EncodeQueries = Callable[[Sequence[str]], SparseBatch]


@dataclass(frozen=True, slots=True)
class MixedResult:
    """Figure of one kind of query.

    Attributes:
        kind: what was asked.
        right: percent of the right pictures that could be among the first ten.
        interval: 95%, over draws of the queries.
    """

    kind: str
    right: float
    interval: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON prints it."""
        return {
            "kind": self.kind,
            "right": round(self.right, 4),
            "interval": self.interval.as_list(),
        }


def measure_mixed_queries(
    pictures: SparseBatch, asked: MixedQueries, encode: EncodeQueries, *, seed: int = 0
) -> list[MixedResult]:
    """Ask all kinds of queries, and return the figure of each.

    Another photo and the word are the control: that of the query before.

    Args:
        pictures: N rows, the index.
        encode: encodes texts as queries.
        seed: of the draws for the intervals.
    """
    with tempfile.TemporaryDirectory(prefix="lexret-mixed-") as folder:
        index = _index_of(pictures, Path(folder) / "index")
        asker = _Asker(index, pictures, encode)
        others = np.roll(asked.rows, 1)
        kinds: dict[str, Callable[[int], list[int]]] = {
            "the word": lambda q: asker.find(q, asked, photo=None),
            "the photo": lambda q: asker.find(q, asked, photo=asked.rows[q], word=False),
            "the photo and the word, as search takes them": lambda q: asker.find(
                q, asked, photo=asked.rows[q]
            ),
            "another photo and the word (control)": lambda q: asker.find(q, asked, photo=others[q]),
            "the photo's vector and the word's, added": lambda q: asker.find(
                q, asked, photo=asked.rows[q], fitted=False
            ),
            "the product of both scores": lambda q: asker.multiplied(q, asked),
        }
        found = {
            name: np.array(
                [
                    100 * share_right(np.array(ask(q), np.int64), asked.right_QN[q])
                    for q in range(len(asked.rows))
                ]
            )
            for name, ask in kinds.items()
        }
    intervals = bootstrap_intervals(found, seed=seed)
    return [
        MixedResult(name, float(values_Q.mean()), intervals[name])
        for name, values_Q in found.items()
    ]


class _Asker:
    """Asks an index whose documents are called by their rows; the photo itself is no answer."""

    def __init__(self, index: EmbeddedIndex, pictures: SparseBatch, encode: EncodeQueries) -> None:
        self._index, self._pictures = index, pictures
        self._encode = encode
        self._texts: dict[str, LexicalVector] = {}

    def find(
        self,
        number: int,
        asked: MixedQueries,
        *,
        photo: int | None,
        word: bool = True,
        fitted: bool = True,
    ) -> list[int]:
        """Return the rows of the first hits of one query."""
        examples = Examples(
            () if photo is None else (self._pictures.row(photo),),
            (_name(asked.rows[number]),),
            partial(fitted_to_words, index=self._index) if fitted else None,
        )
        query = bind_query(
            parse_query(asked.words[number] if word else ""),
            self._pictures.vocabulary,
            {},
            self._text,
            examples=examples,
        )
        return [int(hit.doc_id) for hit in self._index.find(query, k=FIRST)]

    def multiplied(self, number: int, asked: MixedQueries) -> list[int]:
        """Return the rows with the greatest products of the photo's score and the word's."""
        photo = int(asked.rows[number])
        scores = [
            {hit.doc_id: hit.score for hit in self._index.find(Query(vector), k=len(self._index))}
            for vector in (self._pictures.row(photo), self._text(asked.words[number]))
        ]
        products = [
            (-scores[0][name] * scores[1][name], name)
            for name in scores[0].keys() & scores[1].keys() - {_name(photo)}
        ]
        return [int(name) for _, name in sorted(products)[:FIRST]]

    def _text(self, text: str) -> LexicalVector:
        if text not in self._texts:
            self._texts[text] = self._encode([text]).row(0)
        return self._texts[text]


def _name(row: int) -> str:
    return f"{row:09}"


def _index_of(pictures: SparseBatch, path: Path) -> EmbeddedIndex:
    with EmbeddedIndexWriter.create(path, pictures.vocabulary, model_id="measured") as writer:
        writer.add([_name(row) for row in range(len(pictures))], pictures)
        writer.commit()
    return open_index(path)
