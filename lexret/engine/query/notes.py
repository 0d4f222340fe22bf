"""Notes on the words of a query: those that the vocabulary lacks, and muted ones.

Nothing here needs the parser, whose import takes time; for queries with operators there is
:func:`lexret.engine.query.binding.notes_on`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lexret.errors import InputError
from lexret.vocabulary import STOP_WORDS, Vocabulary

NO_WORD: Final = (
    'The query holds no word; type what a picture should show, such as "a dog on a beach".'
)
NEAREST_SHOWN: Final = 3
_OTHER_WORDS: Final = (
    "Say it with other English words; for words of another language, add a dictionary: "
    "lexret language add LANGUAGE."
)
_LOOKED_UP: Final = 5
_LONGEST: Final = 64


def notes_on_text(
    text: str,
    vocabulary: Vocabulary,
    *,
    muted: frozenset[str] = frozenset(),
    alone: bool = True,
    told: frozenset[str] = frozenset(),
    refusal: str = "",
) -> tuple[str, ...]:
    """Return notes on the words of a text.

    Args:
        muted: words that count nowhere.
        alone: there is nothing to look for but these words.
        told: unknown words that have a note already.
        refusal: the error's message, where there is a better one than these words.

    Raises:
        InputError: if they stand alone, and the vocabulary lacks all of them or there is none.
    """
    known, tokens = vocabulary.match(text)
    unknown = [word for word in dict.fromkeys(tokens) if word not in STOP_WORDS]
    if alone and not known:
        words = unknown or list(dict.fromkeys(tokens))
        raise InputError(refusal or _nothing_known(text, words, vocabulary))
    unknown = [word for word in unknown if word not in told]
    notes = [f"not in the vocabulary: {_listed(unknown, vocabulary)}"] if unknown else []
    return (*notes, *muted_notes([text], vocabulary, muted))


def has_unknown_words(text: str, vocabulary: Vocabulary) -> bool:
    """Whether any word of a text is neither an entry nor a small word nor a single letter."""
    unknown = vocabulary.match(text)[1]
    return any(not (word in STOP_WORDS or (len(word) == 1 and word.isascii())) for word in unknown)


def muted_notes(
    texts: Iterable[str], vocabulary: Vocabulary, muted: frozenset[str]
) -> tuple[str, ...]:
    """Return a note on the muted words of some texts, where there are any."""
    if not muted:
        return ()
    term_ids = (term_id for text in texts for term_id in vocabulary.match(text)[0])
    words = dict.fromkeys(vocabulary.words[term_id] for term_id in term_ids)
    found = [word for word in words if word in muted]
    return (f"muted in this index (counts for nothing): {', '.join(found)}",) if found else ()


def unknown_word(word: str, vocabulary: Vocabulary) -> str:
    """Say that the vocabulary lacks a word, and which of its words are nearest; no full stop."""
    nearest = _nearest(word, vocabulary)
    message = f"{word!r} is not in the vocabulary of {len(vocabulary):,} words"
    return f"{message} ({nearest})" if nearest else message


def _nothing_known(text: str, unknown: list[str], vocabulary: Vocabulary) -> str:
    if not unknown:
        return NO_WORD
    if len(unknown) == 1:
        return f"{unknown_word(unknown[0], vocabulary)}. {_OTHER_WORDS}"
    return (
        f"No word of {text!r} is in the vocabulary of {len(vocabulary):,} words: "
        f"{_listed(unknown, vocabulary)}. {_OTHER_WORDS}"
    )


def _listed(words: list[str], vocabulary: Vocabulary) -> str:
    nearest = [(word, _nearest(word, vocabulary)) for word in words[:_LOOKED_UP]]
    shown = [f"{word} ({near})" if near else word for word, near in nearest]
    if len(words) > _LOOKED_UP:
        shown.append(f"and {len(words) - _LOOKED_UP} more")
    return ", ".join(shown)


def _nearest(word: str, vocabulary: Vocabulary) -> str:
    if word in STOP_WORDS:
        return ""
    found = vocabulary.nearest(word[:_LONGEST], num_words=NEAREST_SHOWN)
    return f"nearest: {', '.join(found)}" if found else ""
