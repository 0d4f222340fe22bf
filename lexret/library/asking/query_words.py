"""Words of a query: what was typed, and what the text encoder added by meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lexret.encoders.text.queries import typed_words
from lexret.library.asking.question import Understood
from lexret.vocabulary import Vocabulary

# What a filter says is no word that is looked for.
_FILTER: Final = re.compile(r'(?:^|(?<=\s))[+-]?[^\W\d]\w*:(?:"[^"]*"|\S+)')


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of a query, its weight there, and whether it was typed."""

    word: str
    weight: float
    typed: bool


def query_words(understood: Understood, vocabulary: Vocabulary, *, k: int) -> list[QueryWord]:
    """Return the words that a query looks for: those typed in their order, then by weight.

    Of words in alternatives, the greatest weight counts.

    Args:
        k: at most so many of those that were not typed.
    """
    weights: dict[int, float] = {}
    for vector in understood.vectors:
        for term, weight in zip(vector.term_ids.tolist(), vector.weights.tolist(), strict=True):
            weights[term] = max(weight, weights.get(term, 0.0))
    text = _FILTER.sub(" ", understood.question.text)
    said = dict.fromkeys(vocabulary.match(text)[0])
    encoded = typed_words(understood.text, vocabulary).tolist()
    typed = [term for term in dict.fromkeys([*said, *encoded]) if term in weights]
    added = sorted(weights.keys() - set(typed), key=lambda term: (-weights[term], term))[:k]
    words = vocabulary.words
    return [QueryWord(words[term], weights[term], True) for term in typed] + [
        QueryWord(words[term], weights[term], False) for term in added
    ]
