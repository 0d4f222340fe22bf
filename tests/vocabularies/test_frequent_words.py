"""The vocabulary rule on a WordNet folder of a few synsets that the test writes itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from lexret.errors import CorruptError, InputError, MissingError
from lexret.vocabularies import frequent_words
from lexret.vocabularies.frequent_words import WordRule, build_vocabulary
from lexret.vocabularies.wordnet import Reading, WordNet
from lexret.vocabulary import Vocabulary

WriteWordNet = Callable[..., Path]

ACT, ANIMAL, ARTIFACT, COMMUNICATION, LOCATION, CONTACT = 4, 5, 6, 10, 15, 35
NOUNS = [
    ("ethnic_slur", COMMUNICATION),
    ("city", LOCATION),
    ("dog hound", ANIMAL),
    ("grass", ARTIFACT),
    ("idea", COMMUNICATION),
    ("Atlantis Lutetia", LOCATION, [("@i", "city")]),
    ("Vulgarian", ANIMAL, [("@", "dog")]),
    ("GDP", COMMUNICATION),
    ("badword", ANIMAL, [(";u", "ethnic_slur")]),
    ("fireman", ANIMAL),
    ("boss", ANIMAL),
    ("to", ACT),
    ("xix", ACT),
]
VERBS = [("run", CONTACT), ("ponder", COMMUNICATION + 29 - 3)]
ADJECTIVES = [("grassy", 0, [("+", "grass")]), ("big", 0)]
ADVERBS = [("together(ip)", 2)]
EXCEPTIONS = {"verb": "ran run\nrunning run\n"}


@pytest.fixture
def wordnet_folder(tmp_path: Path, write_wordnet: WriteWordNet) -> Path:
    """The entries above in the format of wndb(5WN)."""
    synsets = {"noun": NOUNS, "verb": VERBS, "adj": ADJECTIVES, "adv": ADVERBS}
    return write_wordnet(tmp_path, synsets, EXCEPTIONS)


@pytest.fixture
def wordnet(wordnet_folder: Path) -> WordNet:
    return WordNet(wordnet_folder)


@pytest.mark.parametrize(
    ("word", "reading"),
    [
        ("dog", Reading("noun", "dog")),
        ("dogs", Reading("noun", "dog")),
        ("cities", Reading("noun", "city")),
        ("firemen", Reading("noun", "fireman")),
        ("bosses", Reading("noun", "boss")),
        ("ran", Reading("verb", "run")),
        ("running", Reading("verb", "run")),
        ("pondered", Reading("verb", "ponder")),
        ("pondering", Reading("verb", "ponder")),
        ("bigest", Reading("adj", "big")),
        ("together", Reading("adv", "together")),
    ],
)
def test_an_inflected_form_finds_its_base_form(
    wordnet: WordNet, word: str, reading: Reading
) -> None:
    assert wordnet.readings(word) == (reading,)


@pytest.mark.parametrize("word", ["bosss", "unheard", "s", "grasss"])
def test_an_unknown_word_has_no_reading(wordnet: WordNet, word: str) -> None:
    assert wordnet.readings(word) == ()


def test_a_synset_keeps_capitals_and_its_category(wordnet: WordNet) -> None:
    (synset,) = wordnet.senses(Reading("noun", "lutetia"))
    assert synset.words == ("Atlantis", "Lutetia")
    assert synset.category == "noun.location"
    assert synset.pointers[0].symbol == "@i"


@pytest.mark.parametrize("word", ["dog", "dogs", "running", "big", "together", "vulgarian"])
def test_a_whole_word_of_wordnet_is_accepted(wordnet: WordNet, word: str) -> None:
    assert WordRule(wordnet).accepts(word)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("unheard", "not in WordNet"),
        ("to", "a function word, and two letters"),
        ("lutetia", "the name of one place"),
        ("gdp", "an abbreviation in capitals"),
        ("badword", "its first sense is marked as a slur"),
        ("badwords", "the plural of a slur"),
        ("xix", "a Roman numeral"),
        ("dog's", "not only letters"),
        ("Dog", "not lower case"),
        ("", "empty"),
    ],
)
def test_a_word_is_left_out(wordnet: WordNet, word: str, why: str) -> None:
    assert not WordRule(wordnet).accepts(word), why


def test_an_adjective_is_as_visible_as_the_noun_it_comes_from(wordnet: WordNet) -> None:
    rule = WordRule(wordnet)
    assert rule.is_visible("grassy")
    assert rule.is_visible("dogs")
    assert not rule.is_visible("big")
    assert not rule.is_visible("ideas")


def test_the_last_third_goes_to_visible_words_and_frequency_orders_all(wordnet: WordNet) -> None:
    ranked = ["the", "idea", "dog", "idea", "big", "ponder", "together", "grass", "running"]
    assert build_vocabulary(ranked, wordnet=wordnet, size=6) == (
        *("idea", "dog", "big", "ponder"),
        *("grass", "running"),
    )


def test_a_short_frequency_list_is_an_error(wordnet: WordNet) -> None:
    with pytest.raises(InputError, match="only 1 words pass"):
        build_vocabulary(["dog"], wordnet=wordnet, size=3)


def test_a_missing_wordnet_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"index\.noun"):
        WordNet(tmp_path)


def test_a_broken_index_line_is_named(wordnet_folder: Path) -> None:
    (wordnet_folder / "index.verb").write_text("run v\n", encoding="utf-8")
    with pytest.raises(CorruptError, match=r"index\.verb, line 1"):
        WordNet(wordnet_folder)


def test_index_and_data_of_different_releases_are_noticed(wordnet_folder: Path) -> None:
    data = (wordnet_folder / "data.noun").read_text(encoding="utf-8")
    (wordnet_folder / "data.noun").write_text("x" + data, encoding="utf-8")
    with pytest.raises(CorruptError, match="one WordNet release"):
        next(WordNet(wordnet_folder).senses(Reading("noun", "dog")))


def test_the_shipped_vocabulary_has_captions_words_and_no_function_words() -> None:
    vocabulary = Vocabulary.shipped()
    assert len(vocabulary) == 20_000
    for word in ("dog", "dogs", "beach", "running", "surfboard", "two", "red", "inside", "tv"):
        assert word in vocabulary
    for word in ("the", "of", "is", "with", "don", "london"):
        assert word not in vocabulary


def test_the_shipped_vocabulary_is_the_one_its_provenance_describes() -> None:
    folder = resources.files("lexret") / "vocabularies"
    record = json.loads((folder / "english-20k.json").read_text(encoding="utf-8"))
    content = (folder / "english-20k.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert content.count(b"\n") == record["num_words"]
    assert record["rule"] == (frequent_words.__doc__ or "").strip()
