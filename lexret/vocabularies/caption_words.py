"""The rule of a vocabulary of one's own: the words of captions, after a word list if there is one.

A word of captions belongs to it if it has at least two letters and nothing else (letters of any
script), is no English function word (`STOP_WORDS`), and stands in the captions of at least
`min_pictures` pictures. The words with most pictures come first; equal ones are in the order of
the alphabet. The words of a list all belong to it and stand before them, in the list's order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lexret.captions.sources import open_captions
from lexret.errors import InputError
from lexret.files.text import read_text
from lexret.vocabulary import STOP_WORDS, tokenize

_FEWEST_LETTERS: Final = 2
_PLAIN_TEXT: Final = ".txt"


def caption_vocabulary(
    pictures: Iterable[Iterable[str]],
    *,
    size: int,
    min_pictures: int = 2,
    first_words: Sequence[str] = (),
) -> tuple[str, ...]:
    """Choose the words by the module's rule.

    Args:
        pictures: for each picture its captions.
        size: how many words to take, those of the list included; fewer if there are no more.
        first_words: the list, as :func:`read_word_list` gives it.

    Raises:
        InputError: if no word passes, or the list is longer than ``size``.
    """
    if len(first_words) > size:
        raise InputError(
            f"The word list holds {len(first_words)} words, more than the {size} asked for."
        )
    spread: Counter[str] = Counter()
    for captions in pictures:
        spread.update({word for caption in captions for word in tokenize(caption)})
    found = sorted(
        (
            word
            for word, number in spread.items()
            if number >= min_pictures
            and len(word) >= _FEWEST_LETTERS
            and word.isalpha()
            and word not in STOP_WORDS
        ),
        key=lambda word: (-spread[word], word),
    )
    words = tuple(dict.fromkeys((*first_words, *found)))[:size]
    if not words:
        raise InputError(
            f"No word stands in the captions of {min_pictures} pictures; give more captions or a "
            "lower number (--min-pictures)."
        )
    return words


def read_word_list(file: Path) -> tuple[str, ...]:
    """Read a text file with one word or phrase a line: lower-cased, white space made single.

    Blank lines and repeated words are left out.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is not UTF-8 text, or empty.
    """
    lines = (" ".join(line.lower().split()) for line in read_text(file).splitlines())
    words = tuple(dict.fromkeys(line for line in lines if line))
    if not words:
        raise InputError(f"{file} is empty; expected one word or phrase a line.")
    return words


def read_caption_texts(source: str) -> list[tuple[str, ...]]:
    """Read the captions of each picture.

    Args:
        source: what :func:`lexret.captions.sources.open_captions` opens, or a text file (``.txt``)
            with the caption of one picture a line.

    Raises:
        MissingError: if there is no such file, folder or data set.
        InputError: if it cannot be used; the message says where and why.
        MissingPackageError: if it needs the package ``datasets``, which is not installed.
    """
    if source.endswith(_PLAIN_TEXT):
        texts: list[tuple[str, ...]] = [
            (line,) for line in read_text(Path(source)).splitlines() if line.strip()
        ]
        if not texts:
            raise InputError(f"{source} is empty; expected the caption of one picture a line.")
        return texts
    captions = open_captions(source)
    return [captions.captions(i) for i in range(len(captions))]
