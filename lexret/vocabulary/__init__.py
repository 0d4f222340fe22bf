"""Words and phrases: the vocabulary, and how words are found in an English text."""

from lexret.vocabulary.english import STOP_WORDS, number_free, tokenize
from lexret.vocabulary.vocabulary import DEFAULT_VOCABULARY, Vocabulary

__all__ = ["DEFAULT_VOCABULARY", "STOP_WORDS", "Vocabulary", "number_free", "tokenize"]
