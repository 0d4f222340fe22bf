"""What a batch holds: pictures, captions, owners, and the words that are asked for."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lexret.captions.caption_set import CaptionedImage, CaptionSet, FileCaptions
from lexret.captions.joined import JoinedCaptions
from lexret.config import TrainConfig
from lexret.encoders.image.feature_cache import JoinedFeatures
from lexret.errors import InputError
from lexret.training.reading.batches import Batch, BatchSource
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["chair", "dog", "red", "sky", "swivel", "traffic light", "light"])
CONFIG = TrainConfig(batch_size=2, caption_words_weight=0.1, seed=5)


class Imagined:
    """Stands for imagined pictures: nine of them, each of one number."""

    def __len__(self) -> int:
        return 9

    def captions(self, i: int) -> tuple[str, ...]:
        return (f"imagined {i}",)

    def features(self, i: int, background_PF: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rng.random()
        return np.full_like(background_PF, -1.0 - i)


def a_set(
    *captions: tuple[str, ...], objects: dict[str, float] | None = None, by_template: bool = False
) -> FileCaptions:
    return FileCaptions(
        [
            CaptionedImage(
                f"{i}.png", Path(f"{i}.png"), texts, objects=objects or {}, by_template=by_template
            )
            for i, texts in enumerate(captions)
        ]
    )


def numbered(count: int, first: int = 0) -> np.ndarray:
    """Features of 4 patches that are the picture's number."""
    numbers = np.arange(first, first + count, dtype=np.float16)
    return np.broadcast_to(numbers[:, None, None], (count, 4, 2)).copy()


def source(captions: CaptionSet, config: TrainConfig = CONFIG, **further: object) -> BatchSource:
    features = numbered(len(captions))
    return BatchSource(captions, [features], WORDS, config, **further)  # type: ignore[arg-type]


def pictures_of(batch: Batch) -> list[int]:
    return [int(number) for number in batch.features_BPF[:, 0, 0]]


def test_a_single_set_gives_the_batches_that_it_always_gave() -> None:
    """Pictures by [seed, 1, epoch], captions and views by [seed, 2, step], as before domains."""
    captions = a_set(*((f"{i} a", f"{i} b", f"{i} c") for i in range(7)))
    views = [numbered(7), numbered(7, first=100)]
    batches = BatchSource(captions, views, WORDS, CONFIG)
    assert batches.steps_per_epoch == 3
    for step in range(9):
        epoch, place = divmod(step, 3)
        order = np.random.default_rng([5, 1, epoch]).permutation(7)
        chosen = np.sort(order[2 * place : 2 * place + 2])
        rng = np.random.default_rng([5, 2, step])
        texts = [captions.captions(i)[int(rng.choice(3, 1, replace=False)[0])] for i in chosen]
        view = 100 * int(rng.integers(2))
        batch = batches.batch(step)
        assert batch.texts == texts
        assert batch.owners_T.tolist() == chosen.tolist()
        assert pictures_of(batch) == (chosen + view).tolist()


def test_a_step_reads_the_features_and_captions_of_one_joined_set() -> None:
    sets = [a_set(*(("old",) for _ in range(4))), a_set(*(("new",) for _ in range(6)))]
    captions = JoinedCaptions(sets)
    features = JoinedFeatures([numbered(4), numbered(6, first=4)])
    batches = BatchSource(captions, [features], WORDS, CONFIG, passes=[2.0, 1.0])
    assert batches.steps_per_epoch == 2 * 2 + 3
    seen = [batches.batch(step) for step in range(7)]
    assert sorted(batch.texts[0] for batch in seen) == ["new"] * 3 + ["old"] * 4
    for batch in seen:
        assert len(set(batch.texts)) == 1
        numbers = pictures_of(batch)
        assert batch.owners_T.tolist() == numbers
        assert all((number < 4) == (batch.texts[0] == "old") for number in numbers)


def test_imagined_pictures_are_among_those_of_the_last_set() -> None:
    captions = JoinedCaptions([a_set(("old",), ("old",)), a_set(("new",), ("new",), ("new",))])
    features = JoinedFeatures([numbered(2), numbered(3, first=2)])
    batches = BatchSource(captions, [features], WORDS, CONFIG, Imagined())  # type: ignore[arg-type]
    assert batches.steps_per_epoch == 1 + (3 + 9) // 2
    epoch = [batches.batch(step) for step in range(7)]
    texts = [text for batch in epoch for text in batch.texts]
    assert sorted(texts) == [*(f"imagined {i}" for i in range(9)), *(["new"] * 3), *(["old"] * 2)]
    for batch in epoch:
        assert ("old" in batch.texts) == (set(batch.texts) == {"old"})
        for number, text in zip(pictures_of(batch), batch.texts, strict=True):
            assert not text.startswith("imagined") or number == -1 - int(text.split()[1])


def test_a_source_of_one_picture_is_an_error() -> None:
    captions = JoinedCaptions([a_set(("x",), ("x",), ("x",)), a_set(("x",))])
    with pytest.raises(InputError, match="expected two each or more in every source"):
        BatchSource(captions, [numbered(4)], WORDS, CONFIG)


def test_the_initialisation_gets_whole_batches_of_no_more_than_the_real_pictures() -> None:
    captions = a_set(*((f"{i}",) for i in range(4)))
    batches = source(captions, imagined=Imagined()).for_initialisation()
    batch = batches.batch(0)
    assert batch.features_BPF.shape == (4, 4, 2)
    assert batch.shares_BV is None
    assert batches.steps_per_epoch == (4 + 9) // 4


def shares(captions: CaptionSet, **further: object) -> dict[str, float]:
    """The words that are asked of the only kind of picture, with their shares."""
    (row, same) = source(captions, **further).batch(0).shares_BV  # type: ignore[misc]
    assert torch.equal(row, same)
    return {WORDS.words[i]: float(row[i]) for i in row.nonzero().flatten().tolist()}


def test_words_are_asked_for_by_the_share_of_captions_that_hold_them() -> None:
    texts = ("a red chair", "a chair, a chair", "a dog", "a traffic light")
    found = shares(a_set(texts, texts))
    # The words within a phrase are true of the picture too.
    expected = {"red": 0.25, "chair": 0.5, "dog": 0.25, "traffic light": 0.25, "light": 0.25}
    assert found == pytest.approx(expected)


def test_objects_are_asked_for_by_the_root_of_their_area_up_to_two_percent() -> None:
    objects = {"sky": 0.38, "dog": 0.02, "light": 0.005, "chair": 0.0002}
    found = shares(a_set(("nothing",), ("nothing",), objects=objects))
    expected = {"sky": 1.0, "dog": 1.0, "light": 0.5, "chair": math.sqrt(0.01)}
    assert found == pytest.approx(expected, rel=1e-5)


def test_an_object_counts_no_less_than_its_captions_and_its_share_is_not_added() -> None:
    texts = ("a dog", "a dog and a chair")
    objects = {"dog": 0.005, "chair": 0.01125}
    found = shares(a_set(texts, texts, objects=objects))
    assert found == pytest.approx({"dog": 1.0, "chair": 0.75})


def test_of_a_longer_name_the_last_word_counts_and_phrases_are_whole() -> None:
    objects = {"swivel chair": 0.02, "traffic lights": 0.02, "unheard-of thing": 0.5}
    found = shares(a_set(("nothing",), ("nothing",), objects=objects))
    assert found == {"chair": 1.0, "traffic light": 1.0}


def test_silent_words_are_asked_of_no_object() -> None:
    captions = a_set(("a sky",), ("a sky",), objects={"sky": 0.5, "dog": 0.5})
    assert shares(captions, silent_words=["sky"]) == {"dog": 1.0}


def test_imagined_pictures_have_no_objects() -> None:
    captions = a_set(("x",), ("x",), objects={"dog": 0.5})
    batches = source(captions, imagined=Imagined())
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        assert batch.shares_BV is not None
        asked = batch.shares_BV[:, WORDS.term_id("dog")].tolist()
        assert asked == [float(not text.startswith("imagined")) for text in batch.texts]


def test_captions_made_of_one_name_are_right_answers_to_each_other() -> None:
    made = a_set(("a chair",), ("a chair",), ("a dog",), by_template=True)
    owners = source(made, CONFIG.model_copy(update={"batch_size": 3})).batch(0).owners_T
    assert owners.tolist() == [3, 3, 4]
    written = a_set(("a chair",), ("a chair",), ("a dog",))
    owners = source(written, CONFIG.model_copy(update={"batch_size": 3})).batch(0).owners_T
    assert owners.tolist() == [0, 1, 2]
