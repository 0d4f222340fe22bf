"""The rule of the vocabulary llama2-17k: the pieces of Llama 2's tokenizer that look like words.

Llama 2's 32,000 pieces in the order of their ids; the mark of a word's beginning is taken off and
the rest is lower-cased. A piece stays if it then consists of letters (of any script) and has at
least two of them; of equal ones the first stays. The first 17,149 make the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lexret.errors import InputError

SIZE: Final = 17_149
_WORD_START: Final = "\u2581"
_FEWEST_LETTERS: Final = 2


def llama2_words(pieces: Iterable[str], *, size: int = SIZE) -> tuple[str, ...]:
    """Choose the words by the module's rule.

    Args:
        pieces: the tokenizer's pieces in the order of their ids.
        size: how many words to take.

    Raises:
        InputError: if fewer than ``size`` words pass the rule.
    """
    lowered = (piece.removeprefix(_WORD_START).lower() for piece in pieces)
    words = tuple(
        dict.fromkeys(word for word in lowered if len(word) >= _FEWEST_LETTERS and word.isalpha())
    )
    if len(words) < size:
        raise InputError(f"Only {len(words)} words pass the rule; {size} were asked for.")
    return words[:size]


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
