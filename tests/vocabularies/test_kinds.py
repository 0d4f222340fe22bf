"""The table of kinds: how it is made from WordNet, and that the shipped one is as it says."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexret.cli.main import main
from lexret.vocabularies.kinds import LEVELS, build_kinds
from lexret.vocabularies.wordnet import WordNet
from lexret.vocabulary import Vocabulary

ANIMAL, ARTIFACT, COGNITION, LOCATION, PERSON = 5, 6, 9, 15, 18
UP = "@"
NOUNS = [
    ("animal", ANIMAL, ()),
    ("mammal mammalian", ANIMAL, [(UP, "animal")]),
    ("marsupial", ANIMAL, [(UP, "mammal")]),
    ("tree_kangaroo", ANIMAL, [(UP, "marsupial")]),
    ("quokka", ANIMAL, [(UP, "tree_kangaroo")]),
    ("work", ARTIFACT, ()),
    ("book", ARTIFACT, [(UP, "work")]),
    ("reference_book", ARTIFACT, [(UP, "book")]),
    ("cookbook", ARTIFACT, [(UP, "reference_book")]),
    ("sofa couch", ARTIFACT, ()),
    ("capital", LOCATION, ()),
    ("Paris", LOCATION, [("@i", "capital")]),
    ("poet", PERSON, ()),
    ("Goethe", PERSON, [("@i", "poet")]),
    ("ethnic_slur", COGNITION, ()),
]
WORDS = Vocabulary(["animal", "mammal", "kangaroo", "book", "couch", "capital", "city", "poet"])


@pytest.fixture
def table(tmp_path: Path, write_wordnet: Callable[..., Path]):
    return build_kinds(WordNet(write_wordnet(tmp_path, {"noun": NOUNS})), WORDS).words


def test_a_synonym_or_the_nearest_things_that_a_word_is_a_kind_of_stand_for_it(table) -> None:
    assert table["sofa"] == (("couch", LEVELS),)
    assert table["cookbook"] == (("book", LEVELS),)
    # A last word ("tree kangaroo"), and one more step where one was found.
    assert table["quokka"][0] == ("kangaroo", LEVELS)
    assert table["marsupial"] == (("mammal", 9), ("animal", 6))


def test_a_named_place_is_a_kind_of_place_and_persons_are_left_out(table) -> None:
    assert table["paris"] == (("city", LEVELS),)
    assert "goethe" not in table
    assert "reference_book" not in table


def test_the_command_makes_the_table_and_its_record_again(
    tmp_path: Path, write_wordnet: Callable[..., Path]
) -> None:
    source = tmp_path / "wordnet"
    source.mkdir()
    write_wordnet(source, {"noun": NOUNS})
    file = tmp_path / "english-kinds.gz"
    arguments = ["vocab", "build", "english-kinds", "--wordnet", str(source), "-o", str(file)]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    first = file.read_bytes()
    record = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["num_words"] == gzip.decompress(first).count(b"\n")
    assert CliRunner().invoke(main, arguments).exit_code == 2
    assert CliRunner().invoke(main, [*arguments, "--force"]).exit_code == 0
    assert file.read_bytes() == first


def test_the_shipped_table_is_the_one_its_record_describes() -> None:
    folder = resources.files("lexret").joinpath("vocabularies")
    data = folder.joinpath("english-kinds.gz").read_bytes()
    record = json.loads(folder.joinpath("english-kinds.json").read_text(encoding="utf-8"))
    content = gzip.decompress(data)
    assert len(data) < 1_000_000
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert content.count(b"\n") == record["num_words"] > 50_000
    assert (
        record["stand_for_others"]["fingerprint"] == Vocabulary.shipped("english-21k").fingerprint
    )
    assert "WordNet 3.0 licence" in record["licence"]
    lines = content.decode().splitlines()
    assert lines == sorted(lines)
