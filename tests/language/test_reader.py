"""Texts whose words a vocabulary lacks, in English and in other languages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lexret.language.english import English
from lexret.language.kinds import Kinds
from lexret.language.reader import TextReader
from lexret.language.readings import ReadText, WordReading
from lexret.language.recognise import recognise
from lexret.vocabulary import Vocabulary, tokenize

WORDS = Vocabulary(
    ["dog", "beach", "cook", "book", "cafe", "potato", "strand", "leash", "traffic light", "hound",
     "animal", "auto", "creme brulee"]
)  # fmt: skip


class Few:
    """A dictionary of a few words."""

    def __init__(self, language: str, words: dict[str, list[str]]) -> None:
        self.language, self._words = language, words

    def translations(self, word: str) -> Sequence[str]:
        return self._words.get(word, [])

    def parts(self, word: str) -> Sequence[str]:
        return ("strand", "hund") if word == "strandhund" else ()


GERMAN = Few(
    "deu",
    {"hund": ["dawg", "dog", "hound", "animal"], "strand": ["beach"], "ampel": ["traffic light"],
     "leine": ["leash"], "kochbuch": ["cookbook"], "gelb": ["xanthous"]},
)  # fmt: skip
FRENCH = Few("fra", {"pomme de terre": ["potato"], "pomme": ["book"], "terre": ["beach"]})


def read(text: str, *dictionaries: Few, reads_pieces: bool = False) -> ReadText:
    english = English(WORDS, Kinds(b"buch\tx 9\nquokka\tanimal 9\n"))
    reader = TextReader(
        WORDS,
        dictionaries=lambda: dictionaries,
        reads_pieces=lambda: reads_pieces,
        english=english,
    )
    return reader(tokenize(text))


def texts(found: ReadText) -> list[str | None]:
    return [None if one is None else "+ ".join(one.entries) if one.together
            else ", ".join(one.entries) for one in found.words]  # fmt: skip


def test_known_and_small_words_stay() -> None:
    assert read("a dog on the beach") == ReadText((None,) * 5)


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        ("a café", [None, "cafe"], '"café" is read as "cafe"'),
        ("\uff44\uff4f\uff47", ["dog"], '" is read as "dog"'),
        ("a cookbook", [None, "cook+ book"], 'searching for "cook", "book" instead'),
        ("two quokkas", [None, "animal"], 'is not a word of this model; searching for "animal"'),
        ("crème brûlée", ["creme", "brulee"], '"crème" is read as "creme"'),
        ("xyzzy dog", [None, None], ""),
    ],
)
def test_other_words_stand_for_unknown_ones_and_a_note_says_so(
    text: str, expected: list[str | None], note: str
) -> None:
    found = read(text)
    assert texts(found) == expected
    if note:
        assert note in found.notes[0]
        assert found.told <= set(tokenize(text))
    else:
        assert (found.notes, found.told) == ((), frozenset())


def test_an_encoder_that_reads_pieces_gets_what_nothing_stands_for() -> None:
    found = read("a xyzzy cookbook", reads_pieces=True)
    assert found.words[1] == WordReading(stays=True)
    assert found.words[2] == WordReading(("cook", "book"), together=True)
    assert "by its pieces" in found.notes[0]
    # What is nearly a known word is misspelt: the nearest words are told, not what it may be.
    assert read("a beahc", reads_pieces=True) == ReadText((None, None))


def test_a_text_of_a_dictionarys_language_is_translated_as_a_whole() -> None:
    found = read("hund am strand", GERMAN)
    assert texts(found) == ["dog, hound", "", "beach"]
    assert found.notes == ('German: "hund" = dog, hound, "strand" = beach',)
    assert texts(read("der Strandhund", GERMAN)) == ["", "beach+ dog"]
    assert texts(read("ein Hund ohne Leine", GERMAN)) == ["", "dog, hound", "without", "leash"]
    assert texts(read("Kochbuch", GERMAN)) == ["cook book"]
    assert texts(read("eine Ampel", FRENCH, GERMAN)) == ["", "traffic light"]


def test_english_words_of_an_english_text_are_not_translated() -> None:
    assert texts(read("a hund with a strand", GERMAN)) == [None, "dog, hound", None, None, None]
    assert read("a dog with a strand", GERMAN).notes == ()


def test_words_that_a_dictionary_lacks_stay_unknown() -> None:
    found = read("der hund und der zyxwv", GERMAN)
    assert texts(found) == ["", "dog, hound", "", "", None]
    assert "zyxwv" not in found.told
    assert texts(read("der gelb hund", GERMAN)) == ["", None, "dog, hound"]


def test_several_words_that_are_one_in_english_are_looked_up_together() -> None:
    found = read("une pomme de terre", FRENCH)
    assert texts(found) == ["", "potato", "", ""]
    assert found.notes == ('French: "pomme de terre" = potato',)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hund am strand", "German"),
        ("ein schwarzes pferd auf der wiese", "German"),
        ("un chien sur la plage", "French"),
        ("el perro en la playa", "Spanish"),
        ("un cane sulla spiaggia", "Italian"),
        ("um cachorro na praia", "Portuguese"),
        ("een hond op het strand", "Dutch"),
        ("en hund på stranden", ("Swedish", "Danish", "Norwegian")),
        ("pies na plaży", "Polish"),
        ("собака на пляже", "a language in Cyrillic letters"),
        ("σκύλος στην παραλία", "Greek"),
        ("海辺の犬", "Japanese"),
        ("海边的狗", "Chinese or Japanese"),
        ("해변의 개", "Korean"),
        ("كلب على الشاطئ", "a language in Arabic letters"),
    ],
)
def test_other_languages_are_recognised(text: str, language: str | tuple[str, ...]) -> None:
    found = read(text)
    names = (language,) if isinstance(language, str) else language
    assert any(f"English only: this looks like {name}" in found.refusal for name in names)


@pytest.mark.parametrize(
    "text",
    ["a cookbook in a bar", "xyzzy", "doggg beeech", "a man named Müller", "two quokkas on a sofa",
     "I am on the strand with a qwert", "la la land", "a chihuahua", "a dog sans leash"],
)  # fmt: skip
def test_english_is_not_taken_for_another_language(text: str) -> None:
    assert read(text).refusal == ""


def test_what_is_known_of_another_language_is_named_with_what_is_left() -> None:
    found = read("das auto am strand von zyxwv")
    assert found.notes == (
        'English only: this looks like German; searching for "auto", "strand" alone. To add a '
        "dictionary: lexret language add deu",
    )
    assert found.told == {"zyxwv"}
    assert read("собака на пляже dog").notes[0].endswith("lexret language add LANGUAGE")


def test_nothing_is_recognised_without_foreign_words() -> None:
    assert recognise(["der", "die"], frozenset()) is None
