"""Answers an understood question: by the embedded index, or by its Lucene mirror."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lexret.errors import InputError
from lexret.explain.answers import Answer, answer
from lexret.library.question import Understood
from lexret.library.results import Hit, Results
from lexret.library.snapshots import Snapshot
from lexret.sparse import LexicalVector

if TYPE_CHECKING:
    from lexret.library.calibration import Calibration

Backend = Literal["embedded", "lucene"]


def find(
    understood: Understood,
    snapshot: Snapshot,
    *,
    k: int,
    backend: Backend = "embedded",
    building: Callable[[], None] | None = None,
    model_folder: Callable[[], Path],
    max_false_matches: float | None = None,
) -> Results:
    """Return the best ``k`` hits; see :meth:`lexret.library.library.Library.find`.

    Args:
        model_folder: returns where the model lies, whose calibration judges hits; called only
            where ``max_false_matches`` is given.
    """
    # One hit more than is asked for tells whether there are more.
    every = _answers(understood, snapshot, k=k + 1, backend=backend, building=building)
    kept = every
    if max_false_matches is not None:
        judged = _calibration(understood, snapshot, model_folder())
        kept = _sure(every, understood, snapshot, judged, max_false_matches)
    beyond = {found.doc_id for found in every[k:]}
    sure = None if max_false_matches is None else True
    hits = [Hit.of(found, snapshot, sure=sure) for found in kept if found.doc_id not in beyond]
    return Results(
        hits=tuple(hits),
        notes=understood.notes,
        more=len(kept) > k,
        num_unsure=len(every) - len(kept),
        understood=understood,
        snapshot=snapshot,
    )


def _answers(
    understood: Understood,
    snapshot: Snapshot,
    *,
    k: int,
    backend: Backend,
    building: Callable[[], None] | None,
) -> list[Answer]:
    if backend == "embedded":
        return answer(snapshot.index, understood.query, k=k)
    from lexret.interop.lucene_mirror import LuceneMirror

    mirror = LuceneMirror(snapshot.index, on_build=building)
    return answer(mirror, mirror.rounded(understood.query), k=k)


def _calibration(understood: Understood, snapshot: Snapshot, folder: Path) -> Calibration:
    """Return what the model's scores are worth for such a question."""
    from lexret.library.calibration import read_calibration

    if understood.text_encoder is None or not understood.is_plain:
        raise InputError(
            "--max-false-matches judges plain texts; take operators, filters and pictures out of "
            "the query."
        )
    return read_calibration(
        folder, model_id=snapshot.index.model_id, text_encoder=understood.text_encoder
    )


def _sure(
    answers: Sequence[Answer],
    understood: Understood,
    snapshot: Snapshot,
    calibration: Calibration,
    max_false_matches: float,
) -> list[Answer]:
    """Keep the answers that the model's calibration lets through, ranked anew."""
    from lexret.library.calibration import matching

    query = understood.query
    vector = query if isinstance(query, LexicalVector) else query.vector
    if vector is None:
        raise AssertionError("a plain text has a vector")
    sure = matching(
        snapshot.index, understood.question.text, vector, calibration, rate=max_false_matches
    )
    kept = [found for found in answers if found.doc_id in sure]
    return [replace(found, rank=rank) for rank, found in enumerate(kept, start=1)]
