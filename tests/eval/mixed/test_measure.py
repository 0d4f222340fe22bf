"""Mixed queries: which there are and what is right for them, and what each kind finds, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.errors import InputError
from lexret.eval.mixed.measure import measure_mixed_queries
from lexret.eval.mixed.queries import MixedQueries, mixed_queries, share_right
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

CAPTIONS = """\
{"image": "a.png", "captions": ["a dog in the snow"]}
{"image": "b.png", "captions": ["dogs play", "snowy field"]}
{"image": "c.png", "captions": ["a puppy on snow"]}
{"image": "d.png", "captions": ["a dog runs"]}
{"image": "e.png", "captions": ["a man in the snow"]}
"""
WORDS = Vocabulary(["dog", "snow", "man", "grass"])


def captions_of(folder: Path, text: str) -> CaptionSet:
    for name in "abcde":
        Image.new("RGB", (8, 8)).save(folder / f"{name}.png")
    (folder / "captions.jsonl").write_text(text, encoding="utf-8")
    return open_captions(str(folder))


def test_queries_are_photos_without_the_scene(tmp_path: Path) -> None:
    asked = mixed_queries(captions_of(tmp_path, CAPTIONS))
    assert asked.rows.tolist() == [3]
    assert asked.words == ("snow",)
    assert asked.right_QN.tolist() == [[True, True, True, False, False]]


def test_captions_that_give_no_query_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name a thing \(dog, .*and a scene \(snow, "):
        mixed_queries(captions_of(tmp_path, CAPTIONS.replace("snow", "hall")))


def test_the_share_is_of_what_was_possible() -> None:
    right = np.zeros(30, bool)
    right[:4] = True
    assert share_right(np.array([0, 1, 9]), right) == 0.5
    right[:20] = True
    assert share_right(np.arange(10), right) == 1.0


def encode(texts: Sequence[str]) -> SparseBatch:
    return SparseBatch.from_words([{text: 1.0} for text in texts], WORDS)


def test_each_kind_of_query_finds_what_it_is_for() -> None:
    # 10 dogs in the snow, 15 men in more snow, 15 dogs on much grass, and a dog and a man.
    pictures = [
        *([{"dog": 0.6, "snow": 0.6, "grass": 0.1}] * 10),
        *([{"man": 0.6, "snow": 0.9}] * 15),
        *([{"dog": 0.7, "grass": 0.9}] * 15),
        {"dog": 0.5, "grass": 0.8},
        {"man": 0.9, "grass": 0.1},
    ]
    right = np.zeros((2, len(pictures)), bool)
    right[:, :10] = True
    asked = MixedQueries(np.array([40, 40]), ("snow", "snow"), right)
    found = {
        one.kind: one.right
        for one in measure_mixed_queries(SparseBatch.from_words(pictures, WORDS), asked, encode)
    }
    assert found == {
        "the word": 0.0,  # more snow without a dog
        "the photo": 0.0,  # more grass
        "the photo and the word, as search takes them": 100.0,
        "another photo and the word (control)": 100.0,  # that of the other query is the same
        "the photo's vector and the word's, added": 0.0,  # more grass again
        "the product of both scores": 100.0,
    }
