"""Vocabularies by name or by file."""

from __future__ import annotations

from pathlib import Path

from lexret.vocabulary import Vocabulary


def open_vocabulary(source: str) -> Vocabulary:
    """Load a vocabulary file where there is one at that path, else a shipped one by name.

    Raises:
        MissingError: if there is neither; the message lists the shipped names.
    """
    path = Path(source)
    return Vocabulary.load(path) if path.is_file() else Vocabulary.shipped(source)
