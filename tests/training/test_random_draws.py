"""Streams of random numbers: distinct, repeatable, and the same as ever."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from lexret.training.random_draws import Stream, dropout_seed, generator
from lexret.training.step import random_budget

# What each stream was numbered when the first models were trained with it.
NUMBERS = {
    "PICTURE_ORDER": 1,
    "BATCH": 2,
    "WORD_BUDGET": 3,
    "AUGMENTATION": 4,
    "INITIALISATION_PICTURES": 5,
    "WORD_USE_PICTURES": 6,
    "IMAGINED_PICTURES": 7,
    "DOMAIN_ORDER": 8,
    "BASE_RATE_PICTURES": 9,
    "REBUILT_ORDER": 10,
    "REBUILT_BATCH": 11,
}


def first_numbers(stream: Stream, seed: int, *key: int) -> tuple[int, ...]:
    return tuple(generator(stream, seed, *key).integers(1 << 62, size=4).tolist())


def test_the_number_of_a_stream_never_changes() -> None:
    assert {stream.name: int(stream) for stream in Stream} == NUMBERS


@pytest.mark.parametrize("stream", Stream)
def test_a_stream_is_numpys_generator_of_seed_number_and_key(stream: Stream) -> None:
    number = NUMBERS[stream.name]
    for key in ((), (0,), (17,), (3, 5)):
        expected = np.random.default_rng([11, number, *key]).integers(1 << 62, size=4)
        assert first_numbers(stream, 11, *key) == tuple(expected.tolist())


def test_streams_seeds_and_keys_draw_different_numbers() -> None:
    drawn = [
        first_numbers(stream, seed, key)
        for stream, seed, key in product(Stream, (0, 1, 2), (1, 2, 3))
    ]
    assert all(left != right for left, right in combinations(drawn, 2))


def test_the_budget_of_a_step_is_what_it_was_before_streams_had_names() -> None:
    low, high = np.log([32, 296])
    for step in range(5):
        drawn = np.random.default_rng([4, 3, step]).uniform(low, high)
        assert random_budget((32, 296), 4, step) == round(float(np.exp(drawn)))


def test_dropout_differs_by_seed_step_and_process() -> None:
    seeds = [dropout_seed(*place) for place in product((0, 1), range(1000), range(8))]
    assert len(set(seeds)) == len(seeds)
    assert dropout_seed(2, 30, 0) == 2 * 1_000_003 + 30
