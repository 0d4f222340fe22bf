"""Names of classes as evidence: which are made of words of the vocabulary, and their queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from lexret.library.label_file import NONE, KnownName
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lexret.encoders.protocol import QueryEncoder

# Words without an entry that a name may hold. Others may turn it into something else: "no dog".
_JOINING: Final = frozenset(["a", "an", "the", "of", "in", "on", "at", "with", "and", "or"])


def is_known(name: str, vocabulary: Vocabulary) -> bool:
    """Whether the name of a class is made of words of the vocabulary, such as "living room"."""
    term_ids, unknown = vocabulary.match(name)
    return bool(term_ids) and _JOINING.issuperset(unknown)


def known_names(
    classes: Iterable[str],
    vocabulary: Vocabulary,
    texts: Callable[[], QueryEncoder],
    batches: Iterable[SparseBatch],
) -> dict[str, KnownName]:
    """Return the names that are known, by their classes.

    Args:
        texts: returns the encoder of queries; called only if a name is known.
        batches: the vectors of the index.
    """
    names = [name for name in classes if name != NONE and is_known(name, vocabulary)]
    if not names:
        return {}
    queries = texts().encode_queries(names).normalized()
    spreads = spreads_of(queries, batches)
    return {
        name: KnownName(query.term_ids, query.weights, spread)
        for name, query, spread in zip(names, queries, spreads, strict=True)
        if len(query)
    }


def spreads_of(queries: SparseBatch, batches: Iterable[SparseBatch]) -> list[float]:
    """Return the standard deviation of the products of vectors with each query, all of length 1."""
    own = queries.to_scipy().T
    count, sums, squares = 0, np.zeros(len(queries)), np.zeros(len(queries))
    for batch in batches:
        products = np.asarray((batch.normalized().to_scipy() @ own).todense(), dtype=np.float64)
        count += len(batch)
        sums += products.sum(axis=0)
        squares += np.square(products).sum(axis=0)
    variances = squares / max(1, count) - np.square(sums / max(1, count))
    return [float(each) for each in np.sqrt(np.maximum(variances, 0.0))]
