"""Few examples: episodes are drawn fairly, and what is easy and what is hopeless is measured so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lexret.errors import InputError
from lexret.eval.control.concepts import Inventory
from lexret.eval.few_shot.classes import inventory_of_captions
from lexret.eval.few_shot.measure import draw_episodes, measure_few_shot
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "cat", "car", "grass", "sky"])
NAMES = ("dog", "cat", "car")


def pictures(of_class: np.ndarray, seed: int = 0) -> SparseBatch:
    random = np.random.default_rng(seed)
    dense = random.uniform(0.01, 0.2, (len(of_class), len(WORDS)))
    dense[np.arange(len(of_class)), of_class] += 1.0
    return SparseBatch.from_dense(dense, WORDS)


def inventory(of_class: np.ndarray) -> Inventory:
    return Inventory(NAMES, np.stack([of_class == c for c in range(3)]))


def measured(vectors: SparseBatch, shown: Inventory) -> dict[tuple[str, int], float]:
    names = SparseBatch.from_words([{name: 1.0} for name in NAMES], WORDS)
    found = measure_few_shot(
        vectors, shown, names, ways=(2,), shots=(1, 3), words=(None,), num_seeds=3, num_episodes=8
    )
    assert all(each.low <= each.accuracy <= each.high and each.words is None for each in found)
    return {(each.method, each.shots): each.accuracy for each in found}


def test_classes_with_a_word_of_their_own_are_told_by_every_method() -> None:
    of_class = np.repeat(np.arange(3), 20)
    assert set(measured(pictures(of_class), inventory(of_class)).values()) == {1.0}


def test_classes_that_the_words_do_not_tell_are_told_by_chance() -> None:
    of_class = np.tile(np.arange(3), 20)
    found = measured(pictures(np.repeat(np.arange(3), 20)), inventory(of_class))
    assert all(0.3 < accuracy < 0.7 for accuracy in found.values())


def test_episodes_ask_for_pictures_of_one_of_the_classes_that_are_no_examples() -> None:
    shown_CI = np.random.default_rng(1).random((3, 60)) < 0.5
    for episode in draw_episodes(Inventory(NAMES, shown_CI), ways=2, shots=3, num=20, seed=4):
        examples = np.concatenate(episode.examples)
        assert not set(examples) & set(episode.asked)
        assert (shown_CI[episode.classes][:, episode.asked].sum(axis=0) == 1).all()
        assert all(
            shown_CI[episode.classes[truth], picture]
            for truth, picture in zip(episode.truth, episode.asked, strict=True)
        )


def test_a_class_is_what_half_of_the_captions_hold() -> None:
    captions = [["a puppy", "dogs run"], ["a dog", "a cat", "nothing"], ["a cat", "a kitten"]]
    found = inventory_of_captions(captions)
    shown = {name: found.shown_CI[c].tolist() for c, name in enumerate(found.names)}
    assert shown["dog"] == [True, False, False] and shown["cat"] == [False, False, True]


def test_too_few_pictures_are_refused() -> None:
    of_class = np.arange(3)
    with pytest.raises(InputError, match="too few classes"):
        measured(pictures(of_class), inventory(of_class))


class Reader:
    """Language model that chooses the class whose samples share the strongest word."""

    name = "reader"

    def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        *samples, asked = prompt.split("Input: ")[1:]
        word = asked.partition(",")[0]
        right = {text.rpartition("output: ")[2].strip(" .") for text in samples
                 if text.partition(",")[0] == word}  # fmt: skip
        return [float(text.strip() in right) for text in continuations]

    def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
        raise AssertionError("it tells probabilities")


def test_a_language_model_reads_the_words_in_the_papers_prompt() -> None:
    of_class = np.repeat(np.arange(3), 20)
    names = SparseBatch.from_words([{name: 1.0} for name in NAMES], WORDS)
    found = measure_few_shot(
        pictures(of_class), inventory(of_class), names, ways=(3,), shots=(1,), words=(2,),
        num_seeds=1, num_episodes=2, language_model=Reader(),
    )  # fmt: skip
    assert {each.method: each.accuracy for each in found}["language model"] == 1.0
