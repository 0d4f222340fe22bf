"""Encoding pictures and captions for a measurement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.errors import InputError
from lexret.eval.retrieval.encoding import encode_captions
from lexret.eval.retrieval.recall import Recall
from lexret.eval.retrieval.report import report_retrieval
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


class Colours:
    """Encodes pictures by colour: a strong word and a weak one that misleads."""

    model_id = "colours-0"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.num_calls = 0

    def encode(self, images: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        self.num_calls += 1
        rows: list[dict[str, float]] = []
        for image in images:
            red, _, blue = image.resize((1, 1)).getpixel((0, 0))
            if red > blue + 50:
                rows.append({"red": 0.8, "car": 0.6})
            elif blue > red + 50:
                rows.append({"blue": 0.8, "dog": 0.6})
            else:
                rows.append({"car": 1.0})
        return SparseBatch.from_words(rows, self.vocabulary)


class Words:
    """Encodes texts by their own words."""

    model_id = "words-0"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        rows = [dict.fromkeys(text.split(), 0.5) for text in texts]
        return SparseBatch.from_words(rows, self.vocabulary)


@pytest.fixture
def captions(picture_folder: Path) -> CaptionSet:
    lines = [
        {"image": "red.png", "captions": ["red car", "red"]},
        {"image": "blue.jpg", "captions": ["blue"]},
        {"image": "more/noise.png", "captions": ["car", "two"]},
    ]
    path = picture_folder / "captions.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return open_captions(path)


def test_normalized_rows_have_length_one_and_empty_rows_stay(tiny_vocabulary: Vocabulary) -> None:
    rows = [{"dog": 3.0, "car": 4.0}, {}, {"red": 0.5}]
    batch = SparseBatch.from_words(rows, tiny_vocabulary).normalized()
    np.testing.assert_allclose(batch.weights, [0.6, 0.8, 1.0], rtol=1e-6)
    assert batch.indptr.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_captions_belong_to_their_pictures_in_any_batches(
    captions: CaptionSet, tiny_vocabulary: Vocabulary, batch_size: int
) -> None:
    images, texts = Colours(tiny_vocabulary), Words(tiny_vocabulary)
    result = report_retrieval(
        encode_captions(captions, images, texts, batch_size=batch_size)
    ).result
    # "two" matches nothing and ranks last, after the other two pictures.
    assert result.text_to_image == Recall(80.0, 100.0, 100.0, 1.0, pytest.approx(260 / 3))
    # The noise scores 0.5 with "red car" as well as with its own "car": a tie.
    assert result.image_to_text == Recall(
        pytest.approx(200 / 3), 100.0, 100.0, 1.0, pytest.approx(100 * (1 + 1 + 9 / 20) / 3)
    )
    assert (result.num_images, result.num_captions) == (3, 5)
    assert result.active_words_image == pytest.approx(5 / 3)
    assert result.active_words_text == pytest.approx(6 / 5)


def test_word_budgets_cut_vectors_and_normalise_them_again(
    captions: CaptionSet, tiny_vocabulary: Vocabulary
) -> None:
    images, texts = Colours(tiny_vocabulary), Words(tiny_vocabulary)
    encoded = encode_captions(captions, images, texts).cut(image_words=1, text_words=1)
    result = report_retrieval(encoded).result
    assert (result.active_words_image, result.active_words_text) == (1.0, 1.0)


def test_progress_is_told_for_both_kinds(captions: CaptionSet, tiny_vocabulary: Vocabulary) -> None:
    told: list[tuple[str, int, int]] = []
    encode_captions(
        captions,
        Colours(tiny_vocabulary),
        Words(tiny_vocabulary),
        batch_size=2,
        progress=lambda kind, done, total: told.append((kind, done, total)),
    )
    assert told[:2] == [("pictures", 2, 3), ("pictures", 3, 3)]
    assert told[2:] == [("captions", 2, 5), ("captions", 4, 5), ("captions", 5, 5)]


def test_pictures_that_cannot_be_read_are_named_and_nothing_is_measured(
    captions: CaptionSet, tiny_vocabulary: Vocabulary, picture_folder: Path
) -> None:
    (picture_folder / "red.png").write_bytes(b"")
    (picture_folder / "more" / "noise.png").unlink()
    images = Colours(tiny_vocabulary)
    with pytest.raises(InputError) as caught:
        encode_captions(captions, images, Words(tiny_vocabulary), batch_size=1)
    message = str(caught.value)
    assert message.startswith("2 of the 3 pictures cannot be read: ")
    assert "red.png is empty" in message
    assert "noise.png" in message
    assert images.num_calls == 0
