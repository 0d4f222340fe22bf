"""Which phrases a vocabulary gets, on captions and a WordNet that the tests write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lexret.errors import InputError
from lexret.vocabularies.phrase_expansion import ExpansionRule, Phrase, expand
from lexret.vocabularies.phrase_sources import PictureClasses, noun_phrases
from lexret.vocabularies.phrase_statistics import phrase_key
from lexret.vocabularies.wordnet import WordNet
from lexret.vocabulary import Vocabulary

ANIMAL, ARTIFACT, FOOD, GROUP = 5, 6, 13, 14
VOCABULARY = Vocabulary(
    [
        *("dog", "hot", "traffic", "light", "red", "brown", "bear", "polar", "record", "player"),
        *("motor", "cycle", "motorcycle", "t", "shirt", "man", "young", "instrument", "musical"),
        *("sea", "lion", "hay", "bale", "fire", "house", "white", "club", "runs"),
    ]
)
NOUNS = [
    ("dog", ANIMAL, (), "an animal", 9),
    ("bear", ANIMAL, (), "an animal", 9),
    ("hay", ARTIFACT, (), "dried grass", 3),
    ("bale", ARTIFACT, (), "a bundle", 3),
    ("man", ANIMAL, (), "a person", 9),
    ("light", ARTIFACT, (), "it shines", 9),
    ("traffic", GROUP, (), "cars", 9),
    ("record", ARTIFACT, (), "a disc", 9),
    ("player", ANIMAL, (), "who plays", 9),
    ("sea", ARTIFACT, (), "water", 9),
    ("record_player", ARTIFACT, (), "a machine that plays"),
    ("needle", ARTIFACT, (), "a part of a record player"),
    ("turntable", ARTIFACT, (), "the disc of a record player"),
    ("traffic_light", ARTIFACT, (), "a signal"),
    ("young_man", ANIMAL, (), "a man"),
    ("White_House", ARTIFACT, [("@i", "light")], "a house"),
    ("piano", ARTIFACT, (), "a musical instrument"),
    ("lute", ARTIFACT, (), "an old musical instrument"),
    ("musical_instrument", ARTIFACT, [("~", "piano"), ("~", "lute")], "it makes sounds"),
]
ADJECTIVES = [("red", 0, (), "a colour", 5), ("hot", 0, (), "warm", 5), ("young", 0, (), "new", 5)]
VERBS = [("run", 38, (), "move", 9)]
NO_CLASSES = PictureClasses(common=(), many=frozenset())


@pytest.fixture
def wordnet(tmp_path: Path, write_wordnet: Callable[..., Path]) -> WordNet:
    return WordNet(write_wordnet(tmp_path, {"noun": NOUNS, "adj": ADJECTIVES, "verb": VERBS}))


def chosen(
    captions: list[str],
    wordnet: WordNet | None = None,
    classes: PictureClasses | None = None,
    vocabulary: Vocabulary = VOCABULARY,
    **values: float,
) -> dict[str, Phrase]:
    rule = ExpansionRule(**values)  # type: ignore[arg-type]
    phrases = expand(
        vocabulary,
        rule=rule,
        pictures=[[caption] for caption in captions],
        wordnet=wordnet,
        classes=classes,
    )
    return {phrase.text: phrase for phrase in phrases}


def test_a_noun_of_wordnet_that_enough_pictures_show_is_taken(wordnet: WordNet) -> None:
    captions = ["a traffic light"] * 2 + ["two traffic lights", "a young man", "a dog", "the sea"]
    found = chosen(captions, wordnet)
    assert found == {"traffic light": Phrase("traffic light", 3, 0, ("wordnet", "captions"))}
    with pytest.raises(InputError, match="No phrase passes the rules"):
        chosen(captions, wordnet, min_pictures=4)


def test_a_description_is_no_phrase_even_if_wordnet_lists_it(wordnet: WordNet) -> None:
    captions = ["a young man", "red dog", "brown dog"] * 5 + ["a hay bale"] * 3
    assert list(chosen(captions, wordnet)) == ["hay bale"]


def test_captions_alone_make_a_phrase_of_nouns_that_belong_together(wordnet: WordNet) -> None:
    captions = ["a hay bale", "hay bales", "hay bale", "hot hay", "a dog runs", "dog runs"] * 2
    found = chosen(captions, wordnet)
    assert found == {"hay bale": Phrase("hay bale", 6, 0, ("captions",))}


def test_without_wordnet_statistics_alone_decide() -> None:
    captions = ["a hay bale", "a hot dog", "the sea lion"] * 3 + ["a man and a bear"] * 5
    assert set(chosen(captions)) == {"hay bale", "sea lion"}  # "hot" only describes


def test_a_pair_that_a_longer_phrase_holds_is_left_to_it(wordnet: WordNet) -> None:
    captions = ["a hay bale dog", "the sea"] * 3
    assert list(chosen(captions, wordnet)) == ["hay bale dog"]


def test_names_of_picture_classes_are_taken_the_first_or_the_used_ones(wordnet: WordNet) -> None:
    classes = PictureClasses(
        common=(("brown bear", "bear dog"), ("hot record", "record player"), ("motor cycle",)),
        many=frozenset(),
    )
    found = chosen(["a dog"], wordnet, classes)
    assert {"brown bear", "hot record", "record player"} <= found.keys()
    assert "bear dog" not in found  # no first name, and nobody uses it
    assert "motor cycle" not in found  # the vocabulary spells it as one word
    assert found["record player"] == Phrase("record player", 0, 2, ("classes",))
    assert {"fire hydrant", "stuffed animal", "parking lot"} <= found.keys()  # the lists


def test_larger_classes_are_taken_if_definitions_use_them_and_they_are_narrow(
    wordnet: WordNet,
) -> None:
    many = frozenset(
        phrase_key(name.split())
        for name in ("record player", "musical instrument", "hay bale", "young man")
    )
    classes = PictureClasses(common=(), many=many)
    found = chosen([], wordnet, classes, narrow=2)
    assert "record player" in found
    assert not {"musical instrument", "hay bale", "young man"} & found.keys()


def test_an_entry_of_the_vocabulary_and_unwanted_words_are_no_candidates() -> None:
    captions = ["a hay bale", "dildo club", "climber scales"] * 3 + ["the sea lion"] * 3
    vocabulary = Vocabulary([*VOCABULARY, "hay bale"])
    assert list(chosen(captions, vocabulary=vocabulary)) == ["sea lion"]


def test_phrases_are_ranked_by_use_and_cut() -> None:
    captions = ["a hay bale"] * 3 + ["a sea lion"] * 4 + ["a dog"]
    pictures = [[caption] for caption in captions]
    ranked = expand(VOCABULARY, rule=ExpansionRule(), pictures=pictures)
    assert [phrase.text for phrase in ranked] == ["sea lion", "hay bale"]
    first = expand(VOCABULARY, rule=ExpansionRule(), pictures=pictures, num_phrases=1)
    assert first == ranked[:1]


def test_a_noun_phrase_knows_its_uses_its_kinds_and_whether_it_names_one_thing(
    wordnet: WordNet,
) -> None:
    nouns = noun_phrases(wordnet, narrow=2)
    assert nouns[phrase_key(["record", "players"])].num_glosses == 2
    assert nouns[phrase_key(["record", "player"])].is_kind
    assert not nouns[phrase_key(["white", "house"])].is_kind
    assert not nouns[phrase_key(["musical", "instrument"])].is_narrow


def test_the_class_names_of_timm_hold_what_pictures_show() -> None:
    classes = PictureClasses.load()
    assert len(classes.common) == 1000
    assert classes.common[0] == ("tench", "tinca tinca")
    assert any("traffic light" in names for names in classes.common)
    assert phrase_key(["polar", "bear"]) in classes.many
