"""Descriptions of a query's parts, for the messages of backends that do not support some."""

from __future__ import annotations

from lexret.engine.query.filters import DateFilter, Filter, ListFilter
from lexret.engine.query.query import AnyOf, Query
from lexret.vocabulary import Vocabulary


def describe_conditions(query: Query, vocabulary: Vocabulary) -> list[str]:
    """Return the conditions of a query: ``+dog``, ``-(cat OR car)``, ``the filter size:``."""
    required = [f"+{_words(condition, vocabulary)}" for condition in query.required]
    excluded = [f"-{_words(condition, vocabulary)}" for condition in query.excluded]
    fields = dict.fromkeys(map(_field, query.filters))
    return [*required, *excluded, *(f"the filter {field}:" for field in fields)]


def describe_parts(query: Query, vocabulary: Vocabulary) -> list[str]:
    """Return all that a query has beside its vector."""
    parts = describe_conditions(query, vocabulary)
    if query.choices:
        parts.append("alternatives in brackets, (a OR b)")
    if query.without:
        parts.append("--like")
    return parts


def _words(condition: AnyOf, vocabulary: Vocabulary) -> str:
    alternatives = [
        " ".join(vocabulary.words[holds.term_id] for holds in words)
        for words in condition.alternatives
    ]
    return alternatives[0] if len(alternatives) == 1 else f"({' OR '.join(alternatives)})"


def _field(condition: Filter) -> str:
    if isinstance(condition, DateFilter):
        return "date"
    if isinstance(condition, ListFilter):
        return condition.text.field.removeprefix("_")
    return str(getattr(condition, "field", "?"))
