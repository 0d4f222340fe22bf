"""The targets of the fit of words (training/word_targets.py): what captions and objects imply."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lexret.captions.caption_set import CaptionedImage, FileCaptions
from lexret.vocabularies.wordnet import WordNet
from lexret.vocabulary import Vocabulary

SCRIPT = Path(__file__).parents[2] / "training" / "word_targets.py"
ANIMAL, ARTIFACT = 5, 6
NOUNS = [
    ("animal", ANIMAL, ()),
    ("mammal", ANIMAL, [("@", "animal")]),
    ("dog", ANIMAL, [("@", "mammal")]),
    ("poodle", ANIMAL, [("@", "dog")]),
    ("furniture", ARTIFACT, ()),
    ("sofa couch", ARTIFACT, [("@", "furniture")]),
]
WORDS = Vocabulary(
    ["animal", "mammal", "dog", "dogs", "poodle", "furniture", "sofa", "couch", "runs"]
)


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("word_targets", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["word_targets"] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _picture(*captions: str, **more: object) -> CaptionedImage:
    return CaptionedImage("a.jpg", Path("a.jpg"), captions, **more)  # type: ignore[arg-type]


def test_a_word_brings_its_synonyms_and_the_kinds_that_people_say(
    script: ModuleType, write_wordnet: Callable[..., Path], tmp_path: Path
) -> None:
    wordnet = WordNet(write_wordnet(tmp_path, {"noun": NOUNS}))
    pictures = FileCaptions(
        [
            _picture("A poodle runs."),
            _picture("Two dogs."),
            _picture("a room", by_template=True, objects={"sofa": 0.1}),
            _picture("a couch", by_template=True),
        ]
    )
    targets = script.word_targets(pictures, wordnet, WORDS)
    true = [{WORDS.words[t] for t in row.indices} for row in targets.true_NV]
    assert true[0] == {"poodle", "dog", "animal", "runs"}  # nobody says "mammal" of a poodle
    assert true[1] == {"dogs", "dog", "animal"}
    assert true[2] == true[3] == {"sofa", "couch", "furniture"}
    assert targets.source_N.tolist() == [1, 1, 2, 3]


def test_absence_counts_by_the_kind_of_word_and_a_plural_knows_its_singular(
    script: ModuleType, write_wordnet: Callable[..., Path], tmp_path: Path
) -> None:
    wordnet = WordNet(write_wordnet(tmp_path, {"noun": NOUNS}))
    pictures = FileCaptions([_picture("a room", by_template=True, objects={"sofa": 0.1})])
    targets = script.word_targets(pictures, wordnet, WORDS)
    kinds = dict(zip(WORDS.words, targets.kind_V.tolist(), strict=True))
    assert (kinds["sofa"], kinds["couch"], kinds["dog"], kinds["runs"]) == (0, 0, 1, 2)
    singulars = dict(zip(WORDS.words, targets.singular_V.tolist(), strict=True))
    assert singulars["dogs"] == WORDS.term_id("dog")
    assert singulars["dog"] == -1
