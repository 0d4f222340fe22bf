"""Caches of what was asked for lately, safe to share by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

from lexret.errors import MissingPackageError

try:
    from cachetools import LRUCache, cached
except ImportError as error:
    raise MissingPackageError(
        "`lexret serve` needs cachetools; get it with: pip install 'lexret[serve]'"
    ) from error

V = TypeVar("V")
Remember = Callable[[Hashable, Callable[[], V]], V]


def remembering(max_size: int, size_of: Callable[[V], int] | None = None) -> Remember[V]:
    """Return a function that gives the value of a key; it is made where it is not kept.

    Values that were not used for longest give way to new ones. No lock is held while one is made.

    Args:
        max_size: how many values are kept or, with ``size_of``, the greatest sum of their sizes.
    """

    def remember(_key: Hashable, make: Callable[[], V]) -> V:
        return make()

    kept: LRUCache[Hashable, V] = LRUCache(max_size, size_of)
    remembered: Remember[V] = cached(kept, key=lambda key, _make: key, lock=threading.Lock())(
        remember
    )
    return remembered
