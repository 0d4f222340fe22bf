"""One index over several that were built apart: their segments together, each where it lies.

A score does not depend on the segment that a document is in, and hits of all segments are ranked
together by score and id. So the answers are those of the one index that merging them would make,
and whatever is counted over an index is counted over all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lexret.engine.corrections.corrections import Corrections
from lexret.engine.index import EmbeddedIndex
from lexret.engine.postings.acceleration import Engine
from lexret.errors import MismatchError

_NUMBERS: Final = {"int64", "float64"}


def join_indexes(
    parts: Sequence[EmbeddedIndex], *, engine: Engine = "auto", threads: int = 1
) -> EmbeddedIndex:
    """Return one index over several snapshots, of which no two hold a document of one id.

    Its commit number is the sum of theirs, so that it grows with a commit of any of them. A word
    that is muted in one of them is muted in all.

    Args:
        engine, threads: see :class:`~lexret.engine.index.EmbeddedIndex`.

    Raises:
        MismatchError: if they are not of one model and vocabulary, or a field has not one type.
        InputError: if the vectors of one of them are in another engine.
    """
    first = parts[0]
    for part in parts:
        part.require_own_vectors()
    for other in parts[1:]:
        require_alike(first, other)
    manifests = [part.manifest for part in parts]
    manifest = replace(
        first.manifest,
        generation=sum(each.generation for each in manifests),
        columns=joined_columns(parts),
        segments=tuple(entry for each in manifests for entry in each.segments),
        options=tuple(
            option
            for option in first.manifest.options
            if all(option in each.options for each in manifests)
        ),
        runtimes=joined_runtimes(parts),
    )
    corrections = Corrections(
        {
            doc_id: correction
            for part in parts
            for doc_id, correction in part.corrections.documents.items()
        },
        frozenset[str]().union(*(part.corrections.muted for part in parts)),
    )
    return EmbeddedIndex(
        first.path,
        corrections=corrections,
        engine=engine,
        threads=threads,
        manifest=manifest,
        parts=parts,
    )


def require_alike(index: EmbeddedIndex, other: EmbeddedIndex) -> None:
    """Raise MismatchError where two indexes are not of one model and vocabulary."""
    mine, theirs = index.manifest, other.manifest
    if (mine.model_id, mine.vocabulary_fingerprint) != (
        theirs.model_id,
        theirs.vocabulary_fingerprint,
    ):
        raise MismatchError(
            f"The index at {index.path} was made with the model {mine.model_id} "
            f"({mine.num_words} words, {mine.vocabulary_fingerprint[:12]}), that at {other.path} "
            f"with {theirs.model_id} ({theirs.num_words} words, "
            f"{theirs.vocabulary_fingerprint[:12]}). Make one of them anew with the other's model: "
            "`lexret index --rebuild --model MODEL`."
        )


def joined_columns(indexes: Sequence[EmbeddedIndex], *, widen: bool = False) -> dict[str, str]:
    """Return the fields of all: name -> type.

    Args:
        widen: take whole numbers beside numbers as numbers, which is for those who write them anew.

    Raises:
        MismatchError: if a field has not one type.
    """
    kinds: dict[str, str] = {}
    where: dict[str, EmbeddedIndex] = {}
    for index in indexes:
        for name, kind in index.columns.items():
            known = kinds.setdefault(name, kind)
            if widen and {known, kind} == _NUMBERS:
                kinds[name] = "float64"
            elif known != kind:
                raise MismatchError(
                    f"The field {name!r} is {known} in the index at {where[name].path}, and {kind} "
                    f"in that at {index.path}. Take it out of one of them: "
                    f"`lexret fields set ... {name}=`."
                )
            where.setdefault(name, index)
    return kinds


def joined_runtimes(indexes: Sequence[EmbeddedIndex]) -> tuple[str, ...]:
    """Return what computed the vectors of all, in the order in which it is first named."""
    return tuple(dict.fromkeys(name for index in indexes for name in index.manifest.runtimes))
