"""Other spellings and forms, compounds, kinds: what stands for an English word."""

from __future__ import annotations

import gzip
import time
from importlib import resources

import pytest

from lexret.language.compounds import split_compound
from lexret.language.english import English
from lexret.language.kinds import FILE, Kinds, shipped_kinds
from lexret.language.readings import WordReading
from lexret.language.spelling import folded
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(
    [
        *("cook", "book", "books", "shelf", "car", "park", "carp", "dog", "dogs", "gallop"),
        *("running", "color", "tire", "cafe", "animal", "tree", "hat", "basin", "wash", "straw"),
        *("over", "crème"),
    ]
)
KINDS = Kinds(b"mammal\tanimal 9\nmarsupial\tmammal 9,animal 4\nquokka\tmarsupial 9\nzzz\tnope 9\n")


@pytest.fixture
def english() -> English:
    return English(WORDS, KINDS)


@pytest.mark.parametrize(
    ("word", "plain"),
    [("café", "cafe"), ("\uff24\uff2f\uff27", "dog"), ("straße", "strasse"),
     ("œuf", "oeuf"), ("\ufb01sh", "fish"),
     ("smørrebrød", "smorrebrod"), ("dog", "dog")],
)  # fmt: skip
def test_accents_and_widths_are_folded(word: str, plain: str) -> None:
    assert folded(word) == plain


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("colour", "color"),
        ("colours", "color"),
        ("tyre", "tire"),
        ("cooks", "cook"),
        ("galloping", "gallop"),
        ("run", "running"),
        ("hatted", "hat"),
        ("shelves", "shelf"),
        ("doggish", "dog"),
        ("creme", "crème"),
    ],
)
def test_another_spelling_or_form_stands_for_a_word(
    english: English, word: str, entry: str
) -> None:
    assert english.place(word) == WordReading((entry,))


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("cookbook", ("cook", "book")),
        ("cookbooks", ("cook", "books")),
        ("bookshelf", ("book", "shelf")),
        ("washbasin", ("wash", "basin")),
        ("carpark", ("car", "park")),
        ("dogcarpark", ("dog", "car", "park")),
    ],
)
def test_compounds_are_split_into_known_words(
    english: English, word: str, parts: tuple[str, ...]
) -> None:
    assert english.place(word) == WordReading(parts, together=True)


@pytest.mark.parametrize("word", ["overdog", "dogcar", "catdog", "xyzzy", "book", "cookbo"])
def test_what_is_not_made_of_known_words_is_not_split(english: English, word: str) -> None:
    # "over" is no small word in this list, but none of "dog", "car" is long enough.
    assert split_compound(word, lambda part: WORDS.term_id(part)) in ((), ("over", "dog"))


@pytest.mark.parametrize("word", ["dogg", "cookk", "hatt", "gallo"])
def test_a_misspelt_word_is_no_form_of_another(english: English, word: str) -> None:
    assert english.place(word) is None
    assert (
        English(Vocabulary(["dogged", "person", "hatter", "cooks", "galloping"])).place(word)
        is None
    )


def test_kinds_stand_for_a_word_and_reach_a_small_vocabulary(english: English) -> None:
    assert english.place("quokka") == WordReading(("animal",))
    assert english.place("quokkas") == WordReading(("animal",))
    assert english.place("zzz") is None
    assert KINDS.known_of("quokka", Vocabulary(["mammal", "animal"])) == ("mammal",)
    assert "quokka" in KINDS
    assert "quokk" not in KINDS
    assert "nope" not in KINDS


def test_the_shipped_table_knows_what_the_shipped_vocabulary_lacks() -> None:
    vocabulary = Vocabulary.shipped("english-21k")
    kinds = shipped_kinds()
    for word, entry in (("dachshund", "dog"), ("washbasin", "basin"), ("lychee", "fruit")):
        assert word not in vocabulary
        assert entry in kinds.known_of(word, vocabulary)
    assert kinds.known_of("dog", Vocabulary(["animal", "car"])) == ("animal",)


def test_what_is_english_is_known_beside_a_small_vocabulary(english: English) -> None:
    for word in ("dog", "the", "elephant", "quokka", "42", "houses"):
        assert english.holds(word)
    for word in ("hund", "xyzzy", "perro"):
        assert not english.holds(word)


def test_long_words_and_many_unknown_ones_take_little_time() -> None:
    english = English(Vocabulary.shipped())
    english.place("warm")
    started = time.process_time()
    for word in ("dogs" * 500, "ab" * 10_000, *(f"wug{number}blick" for number in range(300))):
        english.place(word)
    assert time.process_time() - started < 5  # it was minutes for the first, 30 s for the others


def test_the_shipped_table_is_in_the_order_that_it_is_searched_by() -> None:
    content = gzip.decompress(
        resources.files("lexret").joinpath("vocabularies", FILE).read_bytes()
    )  # fmt: skip
    words = [line.partition(b"\t")[0] for line in content.splitlines()]
    assert words == sorted(words)
    kinds = shipped_kinds()
    assert all(word.decode() in kinds for word in words[:: len(words) // 500])
    strange = ["", "\t", "\n", "zzzz", words[0].decode() + "\t", "a\nb"]
    assert not [word for word in strange if word in kinds]


@pytest.mark.parametrize(
    ("word", "base"), [("kites", "kite"), ("hoped", "hope"), ("hopping", "hop"), ("boxes", "box")]
)
def test_a_form_is_of_the_word_that_it_is_written_like(word: str, base: str) -> None:
    words = Vocabulary(["kit", "kite", "hop", "hope", "box"])
    assert English(words, KINDS).place(word) == WordReading((base,))
