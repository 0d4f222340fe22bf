"""Reads a text whose words a vocabulary does not all hold.

An unknown word is, in this order: a known one without accents or in letters of another width; in a
text of another language, what a dictionary of the user says; another form or spelling of a known
word; a word of one of the dictionaries; a compound of known words; something that a known word is
a kind of or is called too; left to a text encoder that reads pieces of words, where there is one
and the word is not nearly a known one. Where none of this helps it stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from lexret.language.english import English
from lexret.language.languages import SMALL_WORDS, SmallWords, language_name
from lexret.language.readings import ReadText, WordReading, listed
from lexret.language.recognise import Recognised, recognise
from lexret.language.spelling import folded
from lexret.vocabulary import STOP_WORDS, Vocabulary

NUM_TRANSLATIONS: Final = 2
_LONGEST_PHRASE: Final = 3
# A word that belongs to the one before it.
_TAKEN: Final = WordReading()


class Dictionary(Protocol):
    """A dictionary from another language to English."""

    @property
    def language(self) -> str:
        """The language's code."""
        ...

    def translations(self, word: str) -> Sequence[str]:
        """Return what a word means in English, the best first; nothing for an unknown one."""
        ...

    def parts(self, word: str) -> Sequence[str]:
        """Return the words that a compound is made of; nothing where it is none."""
        ...


class TextReader:
    """Reads texts for one vocabulary; call it with the words of a text.

    Args:
        vocabulary: the words that can be searched for.
        dictionaries: gives the dictionaries of the user; called only where a word is unknown.
        reads_pieces: whether the text encoder can read words that the vocabulary lacks; asked
            only where nothing else helped.
        english: what is known of English beside the vocabulary.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        dictionaries: Callable[[], Sequence[Dictionary]] = tuple,
        reads_pieces: Callable[[], bool] = lambda: False,
        english: English | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._dictionaries, self._reads_pieces = dictionaries, reads_pieces
        self._english = english or English(vocabulary)

    def __call__(self, words: Sequence[str]) -> ReadText:
        """Read the words of a text, lower-case ones in their order."""
        return _Reading(
            words, self._vocabulary, self._english, self._dictionaries(), self._reads_pieces
        ).read()


class _Reading:
    """Reads one text; see :class:`TextReader`."""

    def __init__(
        self,
        words: Sequence[str],
        vocabulary: Vocabulary,
        english: English,
        dictionaries: Sequence[Dictionary],
        reads_pieces: Callable[[], bool],
    ) -> None:
        self._given = words
        self._plain = [folded(word) if not word.isascii() else word for word in words]
        self._vocabulary, self._english = vocabulary, english
        self._dictionaries, self._reads_pieces = dictionaries, reads_pieces
        self._unknown = _unknown(vocabulary, words)
        self._unknown_plain = _unknown(vocabulary, self._plain)
        self._notes: dict[str, None] = {}
        self._told: set[str] = set()

    def read(self) -> ReadText:
        theirs = self._dictionary_of_text()
        if theirs is not None:
            return self._translated(theirs)
        foreign = frozenset(
            word
            for word, plain in zip(self._given, self._plain, strict=True)
            if word in self._unknown
            and plain in self._unknown_plain
            and not self._is_english(plain)
        )
        language = recognise(self._given, foreign)
        if language is not None:
            of_it = (d for d in self._dictionaries if d.language == language.code)
            theirs = next(of_it, None)
            if theirs is not None:
                return self._translated(theirs)
            return self._not_english(language, foreign)
        readings = tuple(map(self._read, self._given, self._plain))
        return ReadText(readings, tuple(self._notes), frozenset(self._told))

    def _is_english(self, plain: str) -> bool:
        return self._english.holds(plain) or self._english.place(plain) is not None

    def _read(self, word: str, plain: str) -> WordReading | None:
        """Read a word of an English text."""
        if word not in self._unknown:
            return None
        if plain in STOP_WORDS:
            return WordReading()
        if plain not in self._unknown_plain:
            self._tell(f'"{word}" is read as "{plain}"', word)
            return WordReading((plain,))
        form = self._english.other_form(plain)
        reading = None if form else self._from_dictionaries(word)
        reading = reading or self._english.place(plain)
        if reading is None and self._reads_pieces() and not self._is_misspelt(plain):
            self._tell(
                f'"{word}" is no word of this model; its text encoder reads it by its pieces', word
            )
            return WordReading(stays=True)
        if reading is not None and word not in self._told:
            self._tell(
                f'"{word}" is not a word of this model; searching for {listed(reading.entries)} '
                "instead",
                word,
            )
        return reading

    def _is_misspelt(self, plain: str) -> bool:
        """Whether a word is no English word, and nearly one of the vocabulary."""
        return not self._english.holds(plain) and bool(self._vocabulary.nearest(plain))

    def _tell(self, note: str, word: str) -> None:
        self._notes[note] = None
        self._told.add(word)

    # Texts in other languages.

    def _dictionary_of_text(self) -> Dictionary | None:
        """Return the dictionary of the language that a text is in, where there is one of it.

        All words of such a text are words of that language; one at least is not English, and is
        one of its small words or stands in the dictionary.
        """
        for dictionary in self._dictionaries:
            small = _small_words(dictionary)
            tells = self._unknown | small.own
            if tells.isdisjoint(self._given):
                continue
            readings = self._in_language(dictionary)
            if all(reading is not None for reading in readings):
                return dictionary
        return None

    def _translated(self, dictionary: Dictionary) -> ReadText:
        """Read a text of a dictionary's language, also words that English has as well."""
        readings = self._in_language(dictionary)
        said: dict[str, None] = {}
        place = 0
        while place < len(readings):
            reading, end = readings[place], place + 1
            while reading is not None and end < len(readings) and readings[end] is _TAKEN:
                end += 1
            if reading is not None and reading.entries and self._given[place] not in (
                _small_words(dictionary).negations
            ):  # fmt: skip
                said[_equation(" ".join(self._given[place:end]), reading)] = None
            place = end
        if said:
            self._notes[f"{language_name(dictionary.language)}: {', '.join(said)}"] = None
        told = [word for word, reading in zip(self._given, readings, strict=True)
                if reading is not None]  # fmt: skip
        return ReadText(tuple(readings), tuple(self._notes), frozenset(told))

    def _in_language(self, dictionary: Dictionary) -> list[WordReading | None]:
        """Read each word as one of the dictionary's language; ``None`` where it is none of it."""
        small = _small_words(dictionary)
        readings: list[WordReading | None] = []
        while len(readings) < len(self._given):
            place = len(readings)
            word = self._given[place]
            phrase = self._phrase(dictionary, place)
            if phrase is not None:
                reading, length = phrase
                readings += [reading, *[_TAKEN] * (length - 1)]
            elif word in small.negations:
                readings.append(WordReading(("without",)))
            elif word in small.all:
                readings.append(WordReading())
            else:
                readings.append(self._translate(dictionary, word))
        return readings

    def _phrase(self, dictionary: Dictionary, place: int) -> tuple[WordReading, int] | None:
        """Read several words that are one in English, and tell how many: "pomme de terre"."""
        small = _small_words(dictionary).all
        for length in range(min(_LONGEST_PHRASE, len(self._given) - place), 1, -1):
            if not small.isdisjoint((self._given[place], self._given[place + length - 1])):
                continue
            words = " ".join(self._given[place : place + length])
            found = self._known(dictionary.translations(words))
            if found:
                return WordReading(found[:NUM_TRANSLATIONS]), length
        return None

    def _from_dictionaries(self, word: str) -> WordReading | None:
        """Translate a word of another language in an English text."""
        for dictionary in self._dictionaries:
            reading = self._translate(dictionary, word)
            if reading is not None:
                name = language_name(dictionary.language)
                self._tell(f"{name}: {_equation(word, reading)}", word)
                return reading
        return None

    def _translate(self, dictionary: Dictionary, word: str) -> WordReading | None:
        found = self._known(dictionary.translations(word))
        if found:
            return WordReading(found[:NUM_TRANSLATIONS])
        parts = [self._known(dictionary.translations(part)) for part in dictionary.parts(word)]
        if parts and all(parts):
            return WordReading(tuple(part[0] for part in parts), together=True)
        return None

    def _known(self, translations: Sequence[str]) -> tuple[str, ...]:
        """Return the translations that the vocabulary can say, in its words."""
        said = [text for text in translations if self._can_say(text)]
        if said:
            return tuple(said)
        places = (self._english.place(text) for text in translations if " " not in text)
        reading = next(filter(None, places), None)
        if reading is None:
            return ()
        return (" ".join(reading.entries),) if reading.together else reading.entries

    def _can_say(self, text: str) -> bool:
        known, unknown = self._vocabulary.match(text)
        return bool(known) and STOP_WORDS.issuperset(unknown)

    def _not_english(self, language: Recognised, foreign: frozenset[str]) -> ReadText:
        """Say that a text is not English; words that English has as well are still looked for."""
        small = SMALL_WORDS.get(language.code)
        known = [
            word for word in dict.fromkeys(self._given)
            if word not in self._unknown and word not in STOP_WORDS
            and not (small is not None and word in small.all)
        ]  # fmt: skip
        remedy = f"lexret language add {language.code or 'LANGUAGE'}"
        looks = f"this looks like {language.name}"
        readings = tuple(
            WordReading() if small is not None and word in small.all - STOP_WORDS else None
            for word in self._given
        )
        note = (
            f"English only: {looks}; searching for {listed(known)} alone. To add a dictionary: "
            f"{remedy}"
        )
        refusal = (
            f"English only: {looks}, and none of its words is one of this model. Say it in "
            f"English, or add a dictionary: {remedy}"
        )
        return ReadText(readings, (note,) if known else (), self._unknown, refusal)


def _small_words(dictionary: Dictionary) -> SmallWords:
    return SMALL_WORDS.get(dictionary.language, SmallWords(frozenset()))


def _equation(word: str, reading: WordReading) -> str:
    joint = " + " if reading.together else ", "
    return f'"{word}" = {joint.join(reading.entries)}'


def _unknown(vocabulary: Vocabulary, words: Sequence[str]) -> frozenset[str]:
    return frozenset(vocabulary.match(" ".join(words))[1]) - STOP_WORDS
