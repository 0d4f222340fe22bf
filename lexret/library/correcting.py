"""Corrections that people make: words of single pictures, and words that count nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lexret.engine.corrections.corrections import (
    Corrections,
    DocumentCorrection,
    change_corrections,
)
from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.notes import unknown_word
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class WordChange:
    """A word to add (``+``), to take away (``-``), or to leave to the model again (neither).

    Attributes:
        weight: of a word that is added; None: as strong as the picture's strongest word.
    """

    sign: str
    word: str
    weight: float | None = None


def entry_of(word: str, vocabulary: Vocabulary) -> str:
    """Return the vocabulary's entry for a word; raises InputError if there is none."""
    known, unknown = vocabulary.match(word)
    if len(known) == 1 and not unknown:
        return vocabulary.words[known[0]]
    raise InputError(f"{unknown_word(word, vocabulary)}.")


def _check_distinct(changes: Sequence[WordChange]) -> None:
    named = Counter(change.word for change in changes)
    twice = sorted(word for word, number in named.items() if number > 1)
    if twice:
        raise InputError(
            f"{', '.join(map(repr, twice))} named more than once; add or take away a word once."
        )


def correct_pictures(
    index: EmbeddedIndex, doc_ids: Sequence[str], changes: Sequence[WordChange], *, undo: bool
) -> Corrections:
    """Correct the words of pictures, the same for each; returns all corrections then.

    Args:
        doc_ids: of pictures of the index.
        undo: leave the words of the changes to the model again; all words where there are none.

    Raises:
        InputError: if a word is none of the vocabulary, or is named twice.
        DamageError: if the existing corrections are damaged.
        StorageError: if they cannot be written.
    """
    wanted = [replace(change, word=entry_of(change.word, index.vocabulary)) for change in changes]
    _check_distinct(wanted)
    stored = index.uncorrected()  # what the model sees
    strongest = {doc_id: _strongest(stored, doc_id) for doc_id in doc_ids}
    contents = {doc_id: index.document(doc_id).fields.get("sha256") for doc_id in doc_ids}

    def change(of: EmbeddedIndex, now: Corrections) -> Corrections:
        for doc_id in (doc_id for doc_id in doc_ids if doc_id in of):
            corrected = _applied(now.of(doc_id), wanted, strongest[doc_id], undo=undo)
            content = contents[doc_id]
            sha256 = content if isinstance(content, str) else None
            now = now.with_document(doc_id, replace(corrected, sha256=sha256))
        return now

    return _change(index, {index.part_of(doc_id) for doc_id in doc_ids}, change)


def mute_words(index: EmbeddedIndex, words: Sequence[str], *, mute: bool) -> frozenset[str]:
    """Let words count nowhere in an index, or count again; returns all that are muted then.

    Raises:
        InputError: if a word to mute is none of the vocabulary, or one to let count is not muted.
        DamageError: if the existing corrections are damaged.
        StorageError: if they cannot be written.
    """
    named = frozenset(" ".join(word.lower().split()) for word in words)
    if mute:
        unknown = sorted(word for word in named if word not in index.vocabulary)
        if unknown:
            raise InputError(f"{unknown_word(unknown[0], index.vocabulary)}.")
    elif not named <= index.corrections.muted:
        raise InputError(f"{sorted(named - index.corrections.muted)[0]!r} is not muted.")
    if not named:
        return index.corrections.muted

    def change(of: EmbeddedIndex, now: Corrections) -> Corrections:
        return now.with_muted(now.muted | named if mute else now.muted - named)

    return _change(index, index.parts, change).muted


def _change(
    index: EmbeddedIndex,
    parts: Collection[EmbeddedIndex],
    change: Callable[[EmbeddedIndex, Corrections], Corrections],
) -> Corrections:
    """Change the corrections of some parts of an index; returns those of all parts then.

    Parts change one after the other; after an interruption, repeat the call.
    """
    documents: dict[str, DocumentCorrection] = {}
    muted: frozenset[str] = frozenset()
    for part in index.parts:
        now = part.corrections
        if part in parts:
            now = change_corrections(part.path, partial(change, part))
        documents |= now.documents
        muted |= now.muted
    return Corrections(documents, muted)


def _strongest(stored: EmbeddedIndex, doc_id: str) -> float:
    words = stored.vector(doc_id).words(1)
    return words[0].weight if words else 1.0


def _applied(
    correction: DocumentCorrection, changes: Sequence[WordChange], strongest: float, *, undo: bool
) -> DocumentCorrection:
    if undo and not changes:
        return DocumentCorrection()
    for change in changes:
        if undo:
            correction = correction.without(change.word)
        elif change.sign == "+":
            weight = strongest if change.weight is None else change.weight
            correction = correction.plus(change.word, weight)
        else:
            correction = correction.minus(change.word)
    return correction
