"""Captions and answers from a picture's words, with the words that they are based on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lexret.telling.language_model import (
    LanguageModel,
    NoProbabilitiesError,
    choose,
    choose_by_writing,
)
from lexret.telling.prompts import (
    END_OF_CAPTION,
    NUM_WORDS,
    Sample,
    answer_prompt,
    caption_prompt,
    words_told,
)
from lexret.vocabulary import number_free

PLAIN_WORDS: Final = 5
_WORDS_STOOD_ON: Final = 5


@dataclass(frozen=True, slots=True)
class TellingWord:
    """Word of a picture that a language model reads.

    Attributes:
        word: itself.
        place: ``left``, ``middle`` or ``right``; empty if the model does not get it.
    """

    word: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """Text about a picture.

    Attributes:
        text: a caption or an answer; empty: the words do not suffice.
        words: what the model read.
        stands_on: the words without which the text would be less likely, the most needed first;
            None: the model does not give probabilities.
    """

    text: str
    words: tuple[str, ...]
    stands_on: tuple[str, ...] | None


def told_of(words: Sequence[TellingWord]) -> str:
    """Return words as a prompt lists them, grouped by their places if they have any."""
    if not any(each.place for each in words):
        return words_told([each.word for each in words])
    groups = [
        (place, [each.word for each in words if each.place == place])
        for place in ("left", "middle", "right", "")
    ]
    return "; ".join(
        f"{place}: {words_told(group)}" if place else words_told(group)
        for place, group in groups
        if group
    )


def plain_caption(words: Sequence[TellingWord]) -> Told:
    """Describe a picture without a language model: by the words that it holds, surest first.

    Args:
        words: only those that the picture holds.
    """
    by_key: dict[str, str] = {}
    for each in words:  # "car" and "cars" say the same
        by_key.setdefault(number_free(each.word), each.word)
    told = tuple(by_key.values())[:PLAIN_WORDS]
    return Told(words_told(told), told, told)


def caption(
    model: LanguageModel, words: Sequence[TellingWord], samples: Sequence[Sample] = ()
) -> Told:
    """Let a language model make a sentence of the words that a picture holds."""
    words = words[:NUM_WORDS]
    if not words:
        return Told("", (), ())

    def prompt(some: Sequence[TellingWord]) -> str:
        return caption_prompt(told_of(some), samples)

    text = _clean(model.continue_text(prompt(words), END_OF_CAPTION))
    return _checked(model, prompt, words, text)


def answer(
    model: LanguageModel,
    words: Sequence[TellingWord],
    question: str,
    *,
    choices: Sequence[str] = (),
    samples: Sequence[Sample] = (),
) -> Told:
    """Let a language model answer a question by the words that a picture holds.

    Args:
        choices: the answers to choose from; by default the model writes one.
    """
    words = words[:NUM_WORDS]
    if not words:
        return Told("", (), ())

    def prompt(some: Sequence[TellingWord]) -> str:
        return answer_prompt(told_of(some), question, samples)

    if not choices:
        text = _clean(model.continue_text(prompt(words), END_OF_CAPTION))
        return _checked(model, prompt, words, text)
    try:
        chosen = choose(model, prompt(words), choices)
    except NoProbabilitiesError:
        chosen = choose_by_writing(model, prompt(words), choices)
    return _checked(model, prompt, words, chosen.text or "")


def _checked(
    model: LanguageModel,
    prompt: Callable[[Sequence[TellingWord]], str],
    words: Sequence[TellingWord],
    text: str,
) -> Told:
    """Find the words that a text is based on; a text that is based on none is dropped."""
    listed = tuple(each.word for each in words)
    if not text:
        return Told("", listed, ())
    try:
        whole = model.log_probabilities(prompt(words), [f" {text}"])[0]
        without = [
            model.log_probabilities(prompt([*words[:n], *words[n + 1 :]]), [f" {text}"])[0]
            for n in range(len(words))
        ]
        blind = model.log_probabilities(prompt([]), [f" {text}"])[0]
    except NoProbabilitiesError:
        return Told(text, listed, None)
    needed = sorted(
        ((whole - score, word) for score, word in zip(without, listed, strict=True)),
        key=lambda pair: -pair[0],
    )
    stands_on = tuple(word for loss, word in needed if loss > 0)[:_WORDS_STOOD_ON]
    if not stands_on or whole <= blind:  # as likely without the picture
        return Told("", listed, ())
    return Told(text, listed, stands_on)


def _clean(text: str) -> str:
    return " ".join(text.split()).strip(" \"'")
