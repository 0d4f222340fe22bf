"""What an entry of a dictionary says in English, read from text that is made for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST_WORDS: Final = 3
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_LINE_BREAK: Final = re.compile(r"<(?:br|/p|/li|/div|/def|/dtrn|tr|li)\b[^<>]*>", re.IGNORECASE)
# What stands beside a translation: grammar, pronunciation, subjects, remarks.
_ASIDE: Final = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}|/[^/\s][^/]*/")
# Lines that hold no translation.
_OTHER_LINE: Final = re.compile(
    r"\s*(?:[\"\u201c\u201e]|(?:synonyms?|antonyms?|see|note|cf|e\.g)\b[^,;]*:)", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"^\s*(?:\d+[.)]|[a-z]\)|[-*\u2022])\s*")
_SEPARATOR: Final = re.compile(r"[,;|\u3001\uff0c]")
# Words of a dictionary that stand for a person, a thing, or the infinitive.
_FILLERS: Final = frozenset({"to", "a", "an", "the", "sb", "sth", "sb.", "sth.", "oneself"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of another language, and the senses that a dictionary gives for it.

    Attributes:
        word: as it is written.
        senses: for each sense its translations, in their order.
    """

    word: str
    senses: tuple[tuple[str, ...], ...]


def read_entry(word: str, text: str) -> Entry | None:
    """Read an entry; ``None`` where its text is about another word, or says nothing in English.

    Args:
        word: the headword that leads to it.
        text: plain text, or text with tags.
    """
    if _TAG.search(text) and "</" in text:
        text = _TAG.sub(" ", _LINE_BREAK.sub("\n", text))
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and _is_head(lines[0]):
        head = _ASIDE.sub(" ", lines[0]).strip()
        if _bare(head) != _bare(word):
            return None
        lines = lines[1:]
    elif lines and _bare(lines[0]) == _bare(word):
        lines = lines[1:]
    senses = tuple(filter(None, (tuple(_translations(line)) for line in lines)))
    return Entry(word, senses) if senses else None


def _is_head(line: str) -> bool:
    """Whether a line is a headword with its pronunciation or grammar, as FreeDict has it."""
    return line[:1].strip() != "" and re.search(r"\s/[^/]+/|\s<[^<>]+>\s*$", line) is not None \
        and not _NUMBER.match(line)  # fmt: skip


def _translations(line: str) -> Iterator[str]:
    if _OTHER_LINE.match(line):
        return
    for part in _SEPARATOR.split(_ASIDE.sub(" ", _NUMBER.sub("", line))):
        words = [word.strip(".!?\"'\u201c\u201d\u201e") for word in part.split()]
        kept = [word for word in words if word and word.lower() not in _FILLERS]
        if 0 < len(kept) <= MOST_WORDS and all(re.search(r"[a-zA-Z]", word) for word in kept):
            yield " ".join(kept).lower()


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold()) + ("\u2026" if "\u2026" in text else "")
