"""Sources of vocabularies: a name or a file."""

from __future__ import annotations

from pathlib import Path

from lexret.vocabulary import Vocabulary


def open_vocabulary(source: str) -> Vocabulary:
    """Load the vocabulary file at a path, or else a shipped vocabulary by name.

    Raises:
        MissingError: if there is neither; the message lists the shipped names.
    """
    path = Path(source)
    return Vocabulary.load(path) if path.is_file() else Vocabulary.shipped(source)
