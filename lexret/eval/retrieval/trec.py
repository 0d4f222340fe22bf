"""TREC's two text formats: qrels (what is right) and runs (what was found), in and out.

A line of qrels is ``QUERY 0 DOCUMENT GAIN``; a line of a run is
``QUERY Q0 DOCUMENT RANK SCORE NAME``. Ids hold no white space: in files, such characters (and %)
are written as in URLs, and read back.

Evaluation tools order a run by score and differ in how they break ties (trec_eval: by the
document's id, backwards, with scores in single precision). Runs written here have no ties: equal
scores are written as neighbouring float32 numbers, in the order in which lexret counts them, that
is, right documents after wrong ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import numpy as np

from lexret.errors import InputError, StorageError
from lexret.eval.retrieval.recall import Scores
from lexret.files.folders import make_folder
from lexret.files.text import read_text
from lexret.files.whole import whole_file

Qrels = Mapping[str, Mapping[str, int]]
Run = Mapping[str, Sequence[str]]

_NAME: Final = "lexret"
_KEPT: Final = "/:#@+,;=!$&'()*[]~"


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranking of the documents that were found for one query.

    Attributes:
        query: the query's id.
        documents: ids, the best first.
        scores: single precision, strictly falling.
    """

    query: str
    documents: tuple[str, ...]
    scores: tuple[float, ...]


def rank_documents(
    query: str,
    documents: Sequence[str],
    scores: Scores,
    relevant: Mapping[str, int],
    *,
    depth: int | None = None,
) -> Ranking:
    """Order documents by score, of equal scores the wrong ones first, and make scores distinct.

    Args:
        documents: D ids.
        scores: (D,) finite.
        relevant: document -> gain; above 0 is right.
        depth: keep so many of the best; None: all.
    """
    single_D = np.asarray(scores, dtype=np.float32)
    right_D = np.array([relevant.get(document, 0) > 0 for document in documents], dtype=bool)
    order = np.lexsort((np.arange(len(documents)), right_D, -single_D))[:depth]
    distinct: list[float] = []
    limit = np.float32(np.inf)
    for place in order:
        limit = np.minimum(single_D[place], np.nextafter(limit, np.float32(-np.inf)))
        distinct.append(float(limit))
    return Ranking(query, tuple(documents[place] for place in order), tuple(distinct))


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write qrels, queries and documents in their order.

    Raises:
        StorageError: if the file cannot be written.
    """
    _write(
        path,
        (
            f"{_escaped(query)} 0 {_escaped(document)} {gain}\n"
            for query, gains in qrels.items()
            for document, gain in gains.items()
        ),
    )


def write_run(path: Path, rankings: Iterable[Ranking], *, name: str = _NAME) -> None:
    """Write a run; ranks start at 1, scores have the nine digits that tell float32 numbers apart.

    Raises:
        StorageError: if the file cannot be written.
    """
    _write(
        path,
        (
            f"{_escaped(ranking.query)} Q0 {_escaped(document)} {rank} {score:.9g} {name}\n"
            for ranking in rankings
            for rank, (document, score) in enumerate(
                zip(ranking.documents, ranking.scores, strict=True), start=1
            )
        ),
    )


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read qrels.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is empty or a line is broken or repeated; the message names the line.
    """
    qrels: dict[str, dict[str, int]] = {}
    for place, fields in _rows(path, num_fields=4, expected="QUERY 0 DOCUMENT GAIN"):
        query, document = unquote(fields[0]), unquote(fields[2])
        gains = qrels.setdefault(query, {})
        if document in gains:
            raise InputError(f"{place}: {query!r} and {document!r} stand there already.")
        try:
            gains[document] = int(fields[3])
        except ValueError as error:
            raise InputError(f"{place}: the gain is {fields[3]!r}; expected a number.") from error
    if not qrels:
        raise InputError(f"{path} is empty; expected QUERY 0 DOCUMENT GAIN on each line.")
    return qrels


def read_run(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a run: the documents of each query in trec_eval's order.

    That is by falling score in single precision, equal scores by falling document id; the rank in
    the file does not count.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is empty or a line is broken or repeated; the message names the line.
    """
    found: dict[str, dict[str, float]] = {}
    expected = "QUERY Q0 DOCUMENT RANK SCORE NAME"
    for place, fields in _rows(path, num_fields=6, expected=expected):
        scores = found.setdefault(unquote(fields[0]), {})
        if fields[2] in scores:
            raise InputError(f"{place}: {fields[0]} and {fields[2]} stand there already.")
        try:
            score = float(np.float32(fields[4]))
        except ValueError as error:
            raise InputError(f"{place}: the score is {fields[4]!r}; expected a number.") from error
        if not np.isfinite(score):
            raise InputError(f"{place}: the score is {fields[4]!r}; expected a finite number.")
        scores[fields[2]] = score
    if not found:
        raise InputError(f"{path} is empty; expected {expected} on each line.")
    return {query: _in_order(scores) for query, scores in found.items()}


def _in_order(scores: Mapping[str, float]) -> tuple[str, ...]:
    backwards = sorted(scores, key=lambda document: document.encode(), reverse=True)
    in_order = sorted(backwards, key=scores.__getitem__, reverse=True)
    return tuple(unquote(document) for document in in_order)


def _escaped(name: str) -> str:
    return quote(name, safe=_KEPT)


def _rows(path: Path, *, num_fields: int, expected: str) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != num_fields:
            raise InputError(f"{path}:{number}: found {line[:80]!r}; expected {expected}.")
        yield f"{path}:{number}", fields


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        make_folder(path.parent)
        with whole_file(path) as fresh, fresh.open("w", encoding="utf-8") as stream:
            stream.writelines(lines)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
