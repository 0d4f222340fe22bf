"""Plain texts: queries that are recognised without the parser, whose import takes time."""

from __future__ import annotations

import re
from typing import Final

QUOTES: Final = '"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\uff02'
"""Quotation marks: the plain one, and those that keyboards and texts put in its place."""

MINUS_SIGNS: Final = "-\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
"""The plain minus, hyphens, dashes, and the sign of subtraction."""

NEGATIONS: Final = frozenset({"not", "no", "without", "except", "excluding"})
"""Words that exclude the one after them."""

_OPERATOR: Final = re.compile(
    rf"[()?^>:{re.escape(QUOTES)}]|(?:^|\s)[+{re.escape(MINUS_SIGNS)}]|\bOR\b"
    rf"|\b(?i:{'|'.join(sorted(NEGATIONS))})\b"
)


def is_surely_plain(text: str) -> bool:
    """Whether nothing in a text may be an operator, or a word that works as one."""
    return _OPERATOR.search(text) is None
