"""Answers an understood question: by the index, wherever its vectors are, or its Lucene mirror."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from lexret.errors import InputError, MismatchError, MissingError
from lexret.explain.answers import Answer, ExplainingIndex, answer
from lexret.library.asking.copies import searched_view
from lexret.library.asking.question import Understood
from lexret.library.asking.results import Hit, Results
from lexret.library.snapshots import Snapshot
from lexret.sparse import LexicalVector

if TYPE_CHECKING:
    from lexret.engine.query.query import Query
    from lexret.library.model_encoders import ModelEncoders

Backend = Literal["embedded", "lucene", "milvus"]


def find(
    understood: Understood,
    snapshot: Snapshot,
    *,
    k: int,
    backend: Backend | None = None,
    building: Callable[[], None] | None = None,
    encoders: Callable[[], ModelEncoders],
    max_false_matches: float | None = None,
    copies: bool = False,
    start: int = 0,
) -> Results:
    """Return the best ``k`` hits; see :meth:`lexret.library.library.Library.find`.

    Args:
        encoders: returns those of the model, whose calibration judges hits; called only for texts.
    """
    # One hit more than is asked for tells whether there are more.
    searched, query = _searched(understood, snapshot, backend=backend, building=building)
    view, copies_of = searched_view(searched, snapshot.index, copies=copies)
    every = answer(view, query, k=start + k + 1)[start:]
    sure = _judged(every, understood, snapshot, encoders, max_false_matches)
    kept = list(zip(every[:k], sure[:k], strict=True))
    num_kept = len(every)
    if max_false_matches is not None:
        sure_answers = [found for found, is_sure in kept if is_sure]
        kept = [
            (replace(found, rank=rank), True) for rank, found in enumerate(sure_answers, start=1)
        ]
        num_kept = sum(is_sure is True for is_sure in sure)
    return Results(
        hits=tuple(
            Hit.of(found, snapshot, sure=is_sure, copies=copies_of(found.doc_id))
            for found, is_sure in kept
        ),
        notes=understood.notes,
        more=num_kept > k,
        num_unsure=len(every) - num_kept,
        understood=understood,
        snapshot=snapshot,
        searched=view,
    )


def _searched(
    understood: Understood,
    snapshot: Snapshot,
    *,
    backend: Backend | None,
    building: Callable[[], None] | None,
) -> tuple[ExplainingIndex, LexicalVector | Query]:
    """Return what is to answer a question, and the query as that takes it."""
    entry = snapshot.index.manifest.backend
    own = "embedded" if entry is None else entry.name
    if backend is None or backend == own:
        return snapshot.index, understood.query
    if backend != "lucene" or entry is not None:
        raise InputError(
            f"The index at {snapshot.index.path} keeps its vectors in the backend {own}, so "
            f"{backend} cannot search them. Leave --backend out; or make the index anew: lexret "
            "index --rebuild --backend milvus --uri URI, or --backend embedded."
        )
    if len(snapshot.index.parts) > 1:
        raise InputError(
            "Lucene searches a single index, not several shards; make one of them with "
            "`lexret merge`, or leave --backend lucene out."
        )
    from lexret.interop.lucene_mirror import LuceneMirror

    mirror = LuceneMirror(snapshot.index, on_build=building)
    return mirror, mirror.rounded(understood.query)


def _judged(
    answers: Sequence[Answer],
    understood: Understood,
    snapshot: Snapshot,
    encoders: Callable[[], ModelEncoders],
    max_false_matches: float | None,
) -> list[bool | None]:
    """Tell of each answer whether it is surely enough a match; None where nothing tells that."""
    vector = _judged_vector(understood)
    if max_false_matches is not None and (vector is None or not understood.is_plain):
        raise InputError(
            "--max-false-matches judges plain texts; take operators, filters and pictures out of "
            "the query."
        )
    unknown: list[bool | None] = [None] * len(answers)
    if vector is None or understood.text_encoder is None:
        return unknown
    from lexret.library.asking.calibration import SURE_RATE, read_calibration, surely_match

    model, index = encoders(), snapshot.index
    if index.manifest.backend is not None:
        if max_false_matches is not None:
            raise InputError(
                f"The backend {index.manifest.backend.name} does not tell the scores of all "
                "pictures, by which --max-false-matches judges hits; leave it out."
            )
        return unknown
    try:
        calibration = read_calibration(
            model.record.folder, model_id=index.model_id, text_encoder=understood.text_encoder
        )
    except (MissingError, MismatchError):
        if max_false_matches is not None:
            raise
        return unknown
    if max_false_matches is None and calibration.rates[0] > SURE_RATE:
        return unknown  # it was measured with too few searches to tell
    rate = SURE_RATE if max_false_matches is None else max_false_matches
    judged = surely_match(
        *(index, answers, understood.text, vector, calibration),
        levels_V=model.levels_V(),
        silent=model.silent_terms(index.vocabulary),
        rate=rate,
    )
    return list(judged)


def _judged_vector(understood: Understood) -> LexicalVector | None:
    """Return what a question's text looks for; None where there is more than the text, or none."""
    query = understood.query
    if isinstance(query, LexicalVector):
        return query
    if query.choices or understood.question.has_pictures or not understood.text:
        return None
    return query.vector
