"""The threshold of normalised weights, as both kinds of text encoders and pictures apply it.

LexVLA keeps a word whose normalised weight is above 1/sqrt(V). That is the weight that every word
has in an even vector, which says nothing: it must not pass, however its sum of squares was rounded.
"""

from __future__ import annotations

from typing import Final

# How far rounding in float32 may lift the weights of an even vector of any length.
_ROUNDING: Final = 1e-5


def least_weight(threshold: float) -> float:
    """Return what a normalised float32 weight must exceed to be above ``threshold`` for sure."""
    return threshold * (1.0 + _ROUNDING)
