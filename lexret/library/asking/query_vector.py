"""The vector of a question, for engines that know vectors and nothing else."""

from __future__ import annotations

from lexret.errors import InputError
from lexret.library.asking.question import Understood
from lexret.sparse import LexicalVector


def query_vector(understood: Understood) -> LexicalVector:
    """Return the vector that a question is searched by.

    Raises:
        InputError: if it asks for more than a vector says: operators, filters, or pictures that
            are no hits themselves.
    """
    query = understood.query
    if isinstance(query, LexicalVector):
        return query
    if query.vector is None or query.choices or query.has_conditions:
        raise InputError(
            "Other engines are given a vector, for plain texts and pictures; this query has "
            "operators, filters, excluded words or pictures of the index. Leave them away, or say "
            "them in the engine's own language."
        )
    return query.vector
