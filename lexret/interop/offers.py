"""What each backend offers: declared here, held by the contract that all backends are tested by.

What a backend does not offer it refuses by name, in an error that says what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final = "plain texts and pictures"
REQUIRED: Final = "required words, +dog"
EXCLUDED: Final = "excluded words, -car"
ALTERNATIVES: Final = "alternatives, (beach OR lake)"
FILTERS: Final = "filters, size:1MB.."
WITHOUT: Final = "more like a picture, --like"
CORRECTIONS: Final = "corrected and muted words"
EXACT_WEIGHTS: Final = "exact weights"
ANY_TIES: Final = "any number of equal scores"
SURE_HITS: Final = "sure hits, --max-false-matches"
ALL_VECTORS: Final = "vectors word by word: exports, merging"

OFFERS: Final = (
    *(WORDS, REQUIRED, EXCLUDED, ALTERNATIVES, FILTERS, WITHOUT, CORRECTIONS, EXACT_WEIGHTS),
    *(ANY_TIES, SURE_HITS, ALL_VECTORS),
)
OFFERED: Final[Mapping[str, frozenset[str]]] = {
    "embedded": frozenset(OFFERS),
    "milvus": frozenset(OFFERS) - {ANY_TIES, SURE_HITS, ALL_VECTORS},
    # It is a mirror of an embedded index, which answers all that asks no backend.
    "lucene": frozenset({WORDS, ANY_TIES, SURE_HITS, ALL_VECTORS}),
}
