"""What the engines share: ids, names of words, checks, and the order of hits."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Final

from lexret.engine.protocol import SearchHit
from lexret.errors import InputError
from lexret.interop.impacts import term_name
from lexret.interop.sparse_documents import shortest_decimals
from lexret.sparse import LexicalVector

FIELD: Final = "words"
"""The name of the field that holds a picture's words, in every engine."""
_IDS: Final = uuid.UUID("5d1a2c3e-6b60-5e64-9a1f-0c4d2f6b7a10")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def point_id(doc_id: str) -> str:
    """Return a UUID of a picture's id, always the same: for engines that take no path as an id."""
    return str(uuid.uuid5(_IDS, doc_id))


def named_weights(indices: Iterable[int], values: Iterable[float]) -> dict[str, float]:
    """Return {"t12": weight} of numbers of words and their weights."""
    return dict(zip(map(term_name, indices), values, strict=True))


def numbers_of(query: LexicalVector) -> tuple[list[int], list[float]]:
    """Return the numbers of a query's words, rising, and their weights.

    Raises:
        InputError: if the query has no word, so that nothing can be found.
    """
    if not len(query):
        raise InputError("The query has no word; nothing can be found with it.")
    return query.term_ids.tolist(), shortest_decimals(query.weights)


def check_k(k: int) -> None:
    """Raise InputError where less than one hit is asked for."""
    if k < 1:
        raise InputError(f"At least 1 hit must be asked for; found {k}.")


def check_name(name: str, *, what: str) -> str:
    """Return a name that engines take; raises InputError for others."""
    if _NAME.fullmatch(name) is None:
        raise InputError(
            f"The {what} {name!r} cannot be used; expected letters, digits and underscores, and no "
            "digit first."
        )
    return name


def ranked(found: Iterable[tuple[str, float]]) -> list[SearchHit]:
    """Return what an engine found, (id, score), as hits: by falling score, then rising id."""
    order = sorted(found, key=lambda hit: (-hit[1], hit[0].encode()))
    return [SearchHit(doc_id, score, rank) for rank, (doc_id, score) in enumerate(order, start=1)]
