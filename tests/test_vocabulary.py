"""The vocabulary: its rules, its fingerprint, and the words it finds in a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.errors import InputError, MismatchError, MissingError
from lexret.vocabulary import Vocabulary, number_free, tokenize

WORDS = ("dog", "traffic light", "light", "red", "new york city", "york", "t-shirt", "don't")


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(WORDS)


def test_a_file_may_carry_the_ids_of_tokens(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("dog\t11203\nhot dog\ncat\t0\n", encoding="utf-8")
    carrying = Vocabulary.load(tmp_path / "words.txt")
    assert carrying.words == ("dog", "hot dog", "cat")
    assert carrying.token_ids == (11203, None, 0)
    # They are no part of what an index or a model compares.
    plain = Vocabulary(carrying.words)
    assert (plain, plain.fingerprint) == (carrying, carrying.fingerprint)
    assert plain.token_ids == (None, None, None)
    carrying.save(tmp_path / "saved.txt")
    assert (tmp_path / "saved.txt").read_text(encoding="utf-8") == "dog\nhot dog\ncat\n"


@pytest.mark.parametrize("line", ["dog\t", "dog\tx", "dog\t1\t2", "dog\t-1"])
def test_an_id_that_is_no_number_is_an_error(line: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(f"cat\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="Line 2 of the vocabulary"):
        Vocabulary.load(tmp_path / "words.txt")


def test_as_many_ids_as_words_are_expected() -> None:
    with pytest.raises(InputError, match="1 token ids were given for 2 words"):
        Vocabulary(["dog", "cat"], [1])


def test_a_words_id_is_its_place(vocabulary: Vocabulary) -> None:
    assert len(vocabulary) == 8
    assert tuple(vocabulary) == vocabulary.words == WORDS
    assert [vocabulary.term_id(word) for word in WORDS] == list(range(8))
    assert vocabulary.term_id("cat") is None
    assert "dog" in vocabulary and "cat" not in vocabulary and 3 not in vocabulary


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "at least one word"),
        (["dog", ""], "entry 1 is ''"),
        (["Dog"], "entry 0 is 'Dog'"),
        ([" dog"], "entry 0 is ' dog'"),
        (["traffic  light"], "single spaces"),
        (["traffic\tlight"], "single spaces"),
        (["dog", "cat", "dog"], "repeats 1 of its 3 words"),
    ],
)
def test_words_that_break_the_rules_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Vocabulary(words)


def test_the_fingerprint_depends_on_words_order_and_their_borders() -> None:
    fingerprint = Vocabulary(["ab", "c"]).fingerprint
    assert len(fingerprint) == 64
    assert fingerprint == Vocabulary(iter(["ab", "c"])).fingerprint
    others = [Vocabulary(words).fingerprint for words in (["c", "ab"], ["a", "bc"], ["ab", "c d"])]
    assert fingerprint not in others


def test_the_fingerprint_never_changes_between_releases() -> None:
    """Indexes on disk hold it."""
    assert Vocabulary(["dog", "h\u00fctte"]).fingerprint == (
        "dafe4a080b479ccac7a651059dd63cacb517c65575b1b4b97a0711101b1a6f30"
    )


def test_equal_words_make_equal_vocabularies(vocabulary: Vocabulary) -> None:
    same, other = Vocabulary(WORDS), Vocabulary(WORDS[::-1])
    assert vocabulary == same and hash(vocabulary) == hash(same)
    assert vocabulary != other
    assert vocabulary != WORDS
    vocabulary.require_same(same, mine="the index", theirs="the model")
    with pytest.raises(MismatchError, match=r"the index.*the model"):
        vocabulary.require_same(other, mine="the index", theirs="the model")


def test_a_saved_vocabulary_is_loaded_again(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path / "words.txt")
    assert Vocabulary.load(tmp_path / "words.txt") == vocabulary


def test_a_missing_file_and_one_that_is_not_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"none\.txt"):
        Vocabulary.load(tmp_path / "none.txt")
    (tmp_path / "bad.txt").write_bytes(b"dog\n\xff\n")
    with pytest.raises(InputError, match=r"bad\.txt is not UTF-8"):
        Vocabulary.load(tmp_path / "bad.txt")


def test_an_unknown_shipped_vocabulary_lists_those_that_there_are() -> None:
    with pytest.raises(MissingError, match=r"file 'klingon'.*one of: .*english-21k, llama2-17k"):
        Vocabulary.shipped("klingon")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A dog, running!", ["a", "dog", "running"]),
        ("the dog's ball", ["the", "dog", "ball"]),
        ("the dog\u2019s ball", ["the", "dog", "ball"]),
        ("don't", ["don't"]),
        ("black-and-white", ["black", "and", "white"]),
        ("snake_case 42", ["snake", "case", "42"]),
        ("\u00c9T\u00c9 \u6771\u4eac", ["\u00e9t\u00e9", "\u6771\u4eac"]),
        ("'' \u2019 --", []),
        ("", []),
    ],
)
def test_a_text_is_cut_into_lower_case_words(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_the_longest_phrase_wins_and_repeats_are_kept(vocabulary: Vocabulary) -> None:
    term_ids, unknown = vocabulary.match("Red traffic light, red light: a DOG in New York City")
    assert [WORDS[term_id] for term_id in term_ids] == [
        *("red", "traffic light", "red", "light", "dog", "new york city"),
    ]
    assert unknown == ["a", "in"]


def test_a_phrase_that_breaks_off_leaves_its_words(vocabulary: Vocabulary) -> None:
    term_ids, unknown = vocabulary.match("new york traffic")
    assert [WORDS[term_id] for term_id in term_ids] == ["york"]
    assert unknown == ["new", "traffic"]


def test_the_word_with_id_0_is_found(vocabulary: Vocabulary) -> None:
    assert vocabulary.match("dog") == ([0], [])


def test_the_nearest_spelling_is_offered() -> None:
    vocabulary = Vocabulary(["beach", "bench", "dog"])
    assert vocabulary.nearest("Beachh")[0] == "beach"
    assert vocabulary.nearest("qqqq") == []


@given(st.text())
def test_every_token_of_any_text_is_found_or_unknown(text: str) -> None:
    vocabulary = Vocabulary(WORDS)
    term_ids, unknown = vocabulary.match(text)
    assert all(0 <= term_id < len(WORDS) for term_id in term_ids)
    found = sum(WORDS[term_id].count(" ") + 1 for term_id in term_ids)
    assert found + len(unknown) == len(tokenize(text))


@given(st.lists(st.sampled_from(["dog", "red", "traffic light", "new york city"]), max_size=6))
def test_a_text_of_known_words_alone_gives_them_back(words: list[str]) -> None:
    term_ids, unknown = Vocabulary(WORDS).match(", ".join(words))
    assert [WORDS[term_id] for term_id in term_ids] == words
    assert unknown == []


PHRASES = Vocabulary(
    ["dog", "hot", "hot dog", "light", "lights", "traffic light", "roller skates", "ice cream cone"]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A hot dog", ["hot dog"]),
        ("a hot, dog-tired dog and two hot dogs", ["hot dog", "dog", "hot dog"]),
        ("Traffic lights", ["traffic light"]),
        ("a roller-skate", ["roller skates"]),
        ("lights of the light", ["lights", "light"]),
        ("hot lights", ["hot", "lights"]),
        ("dogs", []),
    ],
)
def test_a_phrase_stands_for_its_plural_and_its_words_do_not_count(
    text: str, words: list[str]
) -> None:
    assert [PHRASES.words[i] for i in PHRASES.match(text)[0]] == words


def test_the_words_of_a_phrase_count_on_demand_and_are_never_unknown() -> None:
    term_ids, unknown = PHRASES.match("hot dogs at traffic lights", parts=True)
    found = [PHRASES.words[i] for i in term_ids]
    assert found == ["hot dog", "hot", "traffic light", "lights"]
    assert unknown == ["at"]
    assert PHRASES.match("hot dog", parts=True)[0] == [2, 1, 0]
    assert PHRASES.match("an ice cream cone")[1] == ["an"]


@pytest.mark.parametrize(
    ("one", "many"),
    [
        *(("dog", "dogs"), ("box", "boxes"), ("city", "cities"), ("movie", "movies")),
        *(("house", "houses"), ("bus", "buses"), ("glass", "glasses"), ("knife", "knives")),
        *(("leaf", "leaves"), ("shoe", "shoes"), ("bench", "benches"), ("fireman", "firemen")),
        *(("man", "men"), ("child", "children"), ("boy", "boys"), ("bee", "bees")),
        *(("mouse", "mice"), ("tooth", "teeth"), ("tie", "ties"), ("race", "races")),
    ],
)
def test_a_noun_and_its_plural_share_a_key(one: str, many: str) -> None:
    assert number_free(one) == number_free(many)


@pytest.mark.parametrize(
    ("one", "other"), [("dog", "dot"), ("bus", "bun"), ("car", "cat"), ("grass", "gras")]
)
def test_different_nouns_have_different_keys(one: str, other: str) -> None:
    assert number_free(one) != number_free(other)


def test_words_that_differ_in_number_only_are_one_word_and_no_others() -> None:
    words = ["wine", "wines", "win", "wins", "care", "car", "cars", "man", "men", "leaf", "leaves",
             "news", "new", "city", "cities", "bus", "buses"]  # fmt: skip
    vocabulary = Vocabulary(words)
    pairs = {word: set(vocabulary.numbers_of(word)) - {word} for word in words}
    assert pairs["wine"] == {"wines"} and pairs["win"] == {"wins"}
    assert pairs["care"] == set() and pairs["cars"] == {"car"}
    assert (pairs["man"], pairs["leaves"]) == ({"men"}, {"leaf"})
    assert (pairs["news"], pairs["cities"], pairs["bus"]) == (set(), {"city"}, {"buses"})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dgo", "dog"), ("bycicle", "bicycle"), ("hosre", "horse"), ("caat", "cat"), ("hrse", "horse"),
     ("dof", "dog"), ("DGO", "dog"), ("ct", "cat"), ("xyzzy", None)],
)  # fmt: skip
def test_the_word_that_a_slip_of_the_hand_meant_is_nearest(typed: str, meant: str | None) -> None:
    vocabulary = Vocabulary(("house", "dog", "cat", "bicycle", "horse", "circle", "hose"))
    assert next(iter(vocabulary.nearest(typed)), None) == meant


def test_a_word_that_is_there_is_nearest_to_itself() -> None:
    assert Vocabulary(("dogs", "dog")).nearest("dog", num_words=2) == ["dog", "dogs"]
