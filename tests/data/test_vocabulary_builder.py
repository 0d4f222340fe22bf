"""The vocabulary rule on a WordNet folder of a few synsets that the test writes itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pytest

from lexret.data import vocabulary_builder
from lexret.data.vocabulary_builder import WordRule, build_vocabulary
from lexret.data.wordnet import PARTS_OF_SPEECH, Reading, WordNet
from lexret.errors import CorruptError, InputError, MissingError
from lexret.vocabulary import Vocabulary

LETTERS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
ACT, ANIMAL, ARTIFACT, COMMUNICATION, LOCATION, CONTACT = 4, 5, 6, 10, 15, 35


@dataclass
class Entry:
    """A synset to write: its words, lexicographer file, and pointers to (symbol, noun words)."""

    words: str
    file_number: int
    pointers: Sequence[tuple[str, str]] = ()
    offset: int = field(default=0)


NOUNS = [
    Entry("ethnic_slur", COMMUNICATION),
    Entry("city", LOCATION),
    Entry("dog hound", ANIMAL),
    Entry("grass", ARTIFACT),
    Entry("idea", COMMUNICATION),
    Entry("Atlantis Lutetia", LOCATION, [("@i", "city")]),
    Entry("Vulgarian", ANIMAL, [("@", "dog")]),
    Entry("GDP", COMMUNICATION),
    Entry("badword", ANIMAL, [(";u", "ethnic_slur")]),
    Entry("fireman", ANIMAL),
    Entry("boss", ANIMAL),
    Entry("to", ACT),
    Entry("xix", ACT),
]
VERBS = [Entry("run", CONTACT), Entry("ponder", COMMUNICATION + 29 - 3)]
ADJECTIVES = [Entry("grassy", 0, [("+", "grass")]), Entry("big", 0)]
ADVERBS = [Entry("together(ip)", 2)]
EXCEPTIONS = {"verb": "ran run\nrunning run\n"}


def _line(entry: Entry, letter: str, offsets: dict[str, int]) -> str:
    words = entry.words.split()
    fields = [f"{entry.offset:08d} {entry.file_number:02d} {letter} {len(words):02x}"]
    fields += [f"{word} 0" for word in words]
    fields += [f"{len(entry.pointers):03d}"]
    fields += [f"{symbol} {offsets[target]:08d} n 0000" for symbol, target in entry.pointers]
    return " ".join(fields) + ' | a gloss; "with a | bar"  \n'


def write_wordnet(folder: Path) -> Path:
    """Write the entries above in the format of wndb(5WN)."""
    licence = "  1 This is a licence line.  \n"
    groups = dict(zip(PARTS_OF_SPEECH, (NOUNS, VERBS, ADJECTIVES, ADVERBS), strict=True))
    offsets = {word: 0 for entry in NOUNS for word in entry.words.split()}
    for pos, entries in groups.items():
        position = len(licence)
        for entry in entries:  # lengths do not depend on the offsets, which are padded
            entry.offset = position
            position += len(_line(entry, LETTERS[pos], offsets))
        if pos == "noun":
            offsets = {word: entry.offset for entry in entries for word in entry.words.split()}
    for pos, entries in groups.items():
        letter = LETTERS[pos]
        data = licence + "".join(_line(entry, letter, offsets) for entry in entries)
        index = licence + "".join(
            f"{word.partition('(')[0].lower()} {letter} 1 0 1 0 {entry.offset:08d}  \n"
            for entry in entries
            for word in entry.words.split()
        )
        (folder / f"data.{pos}").write_text(data, encoding="utf-8")
        (folder / f"index.{pos}").write_text(index, encoding="utf-8")
        (folder / f"{pos}.exc").write_text(EXCEPTIONS.get(pos, ""), encoding="utf-8")
    return folder


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    return WordNet(write_wordnet(tmp_path))


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


def test_a_broken_index_line_is_named(tmp_path: Path) -> None:
    write_wordnet(tmp_path)
    (tmp_path / "index.verb").write_text("run v\n", encoding="utf-8")
    with pytest.raises(CorruptError, match=r"index\.verb, line 1"):
        WordNet(tmp_path)


def test_index_and_data_of_different_releases_are_noticed(tmp_path: Path) -> None:
    write_wordnet(tmp_path)
    data = (tmp_path / "data.noun").read_text(encoding="utf-8")
    (tmp_path / "data.noun").write_text("x" + data, encoding="utf-8")
    with pytest.raises(CorruptError, match="one WordNet release"):
        next(WordNet(tmp_path).senses(Reading("noun", "dog")))


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
    assert record["rule"] == (vocabulary_builder.__doc__ or "").strip()
