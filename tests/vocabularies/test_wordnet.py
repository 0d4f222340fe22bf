"""WordNet's phrases, glosses, kinds and main parts of speech, on a few synsets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lexret.errors import CorruptError, MissingError
from lexret.vocabularies.wordnet import WordNet

ANIMAL, ARTIFACT, MOTION = 5, 6, 38
NOUNS = [
    ("animal", ANIMAL, [("~", "dog"), ("~", "cat")], "a living thing", 9),
    ("dog", ANIMAL, [("~", "sheep_dog")], "an animal that barks", 42),
    ("sheep_dog sheep-dog", ANIMAL, (), "a dog that herds sheep"),
    ("cat", ANIMAL, (), "an animal that purrs", 18),
    ("run", ARTIFACT, (), "a score", 2),
]
VERBS = [("run", MOTION, (), "move fast", 90), ("dog", MOTION, (), "follow", 2)]


@pytest.fixture
def folder(tmp_path: Path, write_wordnet: Callable[..., Path]) -> Path:
    return write_wordnet(tmp_path, {"noun": NOUNS, "verb": VERBS})


def test_noun_phrases_are_the_lemmas_of_several_words(folder: Path) -> None:
    assert list(WordNet(folder).noun_phrases()) == ["sheep_dog", "sheep-dog"]


def test_glosses_are_the_texts_of_every_synset(folder: Path) -> None:
    glosses = list(WordNet(folder).glosses())
    assert len(glosses) == len(NOUNS) + len(VERBS)
    assert {"a dog that herds sheep", "move fast"} <= set(glosses)


@pytest.mark.parametrize(("word", "kinds"), [("animal", 3), ("dog", 1), ("cat", 0)])
def test_kinds_are_counted_with_their_kinds(folder: Path, word: str, kinds: int) -> None:
    wordnet = WordNet(folder)
    (offset,) = wordnet.sense_offsets(word, part_of_speech="noun")
    assert wordnet.has_fewer_kinds(offset, than=kinds + 1)
    assert not wordnet.has_fewer_kinds(offset, than=kinds)


@pytest.mark.parametrize(
    ("word", "pos"), [("dog", "noun"), ("dogs", "noun"), ("running", "verb"), ("xyz", None)]
)
def test_the_main_part_of_speech_is_the_one_that_tagged_texts_use_most(
    folder: Path, word: str, pos: str | None
) -> None:
    (folder / "verb.exc").write_text("running run\n", encoding="utf-8")
    assert WordNet(folder).main_part_of_speech(word) == pos


def test_a_broken_line_of_tag_counts_is_named(folder: Path) -> None:
    (folder / "cntlist.rev").write_text("dog%1:05:00:: 1 42\ndog 1\n", encoding="utf-8")
    with pytest.raises(CorruptError, match=r"cntlist\.rev, line 2"):
        WordNet(folder).main_part_of_speech("dog")


def test_missing_tag_counts_are_named_when_they_are_needed(folder: Path) -> None:
    (folder / "cntlist.rev").unlink()
    wordnet = WordNet(folder)
    with pytest.raises(MissingError, match=r"cntlist\.rev"):
        wordnet.main_part_of_speech("dog")
