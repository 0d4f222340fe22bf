"""What the words of a text are read as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WordReading:
    """What stands for one word.

    Attributes:
        entries: entries of the vocabulary, the best first; none where the word is left out.
        together: they say it together, as the parts of a compound do; else any of them does.
        stays: the word itself stays, for a text encoder that can read it.
    """

    entries: tuple[str, ...] = ()
    together: bool = False
    stays: bool = False


@dataclass(frozen=True, slots=True)
class ReadText:
    """The words of a text as they are read.

    Attributes:
        words: one reading for each word, in their order; ``None`` where it stays as it is.
        notes: what is to be told about them.
        told: the unknown words that the notes tell of.
        refusal: what to say where nothing of the text is known; "" for what is said anyway.
    """

    words: tuple[WordReading | None, ...]
    notes: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()
    refusal: str = ""


def listed(words: tuple[str, ...] | list[str]) -> str:
    """Set words in quotation marks, with commas between."""
    return ", ".join(f'"{word}"' for word in words)
