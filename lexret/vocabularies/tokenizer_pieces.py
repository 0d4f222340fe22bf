"""The rule of the vocabulary llama2-17k: the pieces of Llama 2's tokenizer that look like words.

Of Llama 2's 32,000 pieces those that begin a word come first, in the order of their ids, then the
others, which only go on with one, in that order too: the tokenizer was made by byte pair encoding,
which gives the lower id to the more frequent piece. The mark of a word's beginning is taken off and
the rest is lower-cased. A piece stays if it then consists of letters (of any script) and has at
least two of them; of equal ones the place is that of the first, and the id that of the one that is
lower-case itself, if there is one. The first 17,149 make the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lexret.errors import InputError

SIZE: Final = 17_149
_WORD_START: Final = "\u2581"
_FEWEST_LETTERS: Final = 2


def llama2_words(pieces: Iterable[str], *, size: int = SIZE) -> tuple[tuple[str, int], ...]:
    """Choose the words by the module's rule, each with the id of its piece.

    Args:
        pieces: the tokenizer's pieces in the order of their ids.
        size: how many words to take.

    Raises:
        InputError: if fewer than ``size`` words pass the rule.
    """
    beginning: dict[str, tuple[int, bool]] = {}
    going_on: dict[str, tuple[int, bool]] = {}
    for piece_id, piece in enumerate(pieces):
        found = beginning if piece.startswith(_WORD_START) else going_on
        text = piece.removeprefix(_WORD_START)
        word, is_lower = text.lower(), text == text.lower()
        if len(word) < _FEWEST_LETTERS or not word.isalpha():
            continue
        if word not in found:
            found[word] = (piece_id, is_lower)
        elif is_lower and not found[word][1]:
            found[word] = (piece_id, True)  # the place in the order stays
    # A word that begins words hides the piece of the same letters within words.
    chosen = going_on | beginning
    words = dict.fromkeys([*beginning, *going_on])
    if len(words) < size:
        raise InputError(f"Only {len(words)} words pass the rule; {size} were asked for.")
    return tuple((word, chosen[word][0]) for word in list(words)[:size])


def llama2_pieces() -> list[str]:
    """Return the pieces of Llama 2's tokenizer in the order of their ids.

    Raises:
        MissingPackageError: if the package that carries the tokenizer is not installed.
        CorruptError: if the tokenizer's file does not hold the expected bytes.
    """
    from tokenizers import Tokenizer

    from lexret.encoders.pretrained import LLAMA2_TOKENIZER, verified_path

    ids = Tokenizer.from_file(str(verified_path(LLAMA2_TOKENIZER))).get_vocab()
    return sorted(ids, key=ids.__getitem__)
