"""Which domain a step shows, and which pictures of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.captions.caption_set import CaptionedImage, FileCaptions
from lexret.training.reading.domains import Domains, name_groups
from lexret.vocabulary import Vocabulary


@pytest.mark.parametrize(("size", "batch", "seed"), [(12, 6, 0), (13, 4, 7), (5, 5, 2**40)])
def test_a_single_domain_is_cut_as_one_data_set_always_was(
    size: int, batch: int, seed: int
) -> None:
    """Each epoch is a permutation by [seed, 1, epoch], cut into batches whose items are sorted."""
    domains = Domains([size], [1.0], batch, seed)
    per_epoch = size // batch
    assert domains.steps_per_epoch == per_epoch
    for step in range(3 * per_epoch):
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng([seed, 1, epoch]).permutation(size)
        expected = np.sort(order[place * batch : (place + 1) * batch])
        assert domains.chosen(step).tolist() == expected.tolist()


def domain_of(items: np.ndarray, sizes: tuple[int, ...]) -> int:
    """The domain of a batch; it is an error if there are several."""
    bounds = np.cumsum(sizes)
    (domain,) = set(np.searchsorted(bounds, items, side="right").tolist())
    return int(domain)


def test_a_step_shows_pictures_of_one_domain_in_an_order_of_its_epoch() -> None:
    sizes = (12, 9, 30)
    domains = Domains(sizes, [1.0, 1.0, 1.0], 3, seed=0)
    assert domains.steps_per_epoch == 4 + 3 + 10
    orders = []
    for epoch in range(3):
        steps = range(epoch * 17, (epoch + 1) * 17)
        order = [domain_of(domains.chosen(step), sizes) for step in steps]
        assert np.bincount(order).tolist() == [4, 3, 10]
        drawn = np.random.default_rng([0, 8, epoch]).permutation(np.repeat([0, 1, 2], [4, 3, 10]))
        assert order == drawn.tolist()
        orders.append(order)
    assert orders[0] != orders[1] != orders[2]


def test_every_picture_of_a_domain_is_shown_once_in_each_pass() -> None:
    sizes = (12, 9, 30)
    domains = Domains(sizes, [1.0, 1.0, 1.0], 3, seed=0)
    for epoch in range(2):
        steps = range(epoch * 17, (epoch + 1) * 17)
        shown = np.concatenate([domains.chosen(step) for step in steps])
        assert sorted(shown.tolist()) == list(range(51))


def test_passes_show_a_domain_more_or_less_often_and_go_on_over_epochs() -> None:
    sizes = (12, 20)
    domains = Domains(sizes, [1.5, 0.5], 4, seed=3)
    # 3 and 5 whole batches: 4.5 and 2.5 steps, both rounded to even numbers.
    assert domains.steps_per_epoch == 4 + 2
    first, second = [], []
    for step in range(3 * 6):
        items = domains.chosen(step)
        (first if domain_of(items, sizes) == 0 else second).append(items)
    assert (len(first), len(second)) == (12, 6)
    # Twelve batches of the first are four passes, whatever epochs they fall into.
    for number in range(4):
        shown = np.concatenate(first[3 * number : 3 * number + 3])
        assert sorted(shown.tolist()) == list(range(12))
    # The first five batches of the second are one pass, the sixth begins another.
    assert sorted(np.concatenate(second[:5]).tolist()) == list(range(12, 32))


def test_a_domain_is_shown_at_least_once_in_an_epoch() -> None:
    assert Domains([100, 4], [1.0, 0.01], 4, seed=0).steps_per_epoch == 26


def test_an_incomplete_last_batch_is_left_out_and_drawn_again_in_the_next_pass() -> None:
    domains = Domains([7, 6], [1.0, 1.0], 3, seed=1)
    passes = [[], []]  # type: list[list[int]]
    for step in range(2 * domains.steps_per_epoch):
        items = domains.chosen(step)
        if domain_of(items, (7, 6)) == 0:
            passes[step // domains.steps_per_epoch].extend(items.tolist())
    assert [len(set(shown)) for shown in passes] == [6, 6]


def test_steps_may_be_asked_for_in_any_order() -> None:
    sizes, passes = [12, 20], [1.5, 0.5]
    forward = Domains(sizes, passes, 4, seed=3)
    expected = [forward.chosen(step).tolist() for step in range(18)]
    backward = Domains(sizes, passes, 4, seed=3)
    found = [backward.chosen(step).tolist() for step in reversed(range(18))]
    assert found[::-1] == expected
    other = Domains(sizes, passes, 4, seed=4)
    assert [other.chosen(step).tolist() for step in range(18)] != expected


WORDS = Vocabulary(["chair", "swivel chair", "dog", "red"])


def described(*pictures: tuple[bool, dict[str, float], tuple[str, ...]]) -> FileCaptions:
    return FileCaptions(
        [
            CaptionedImage(f"{i}.png", Path(f"{i}.png"), texts, by_template=made, objects=objects)
            for i, (made, objects, texts) in enumerate(pictures)
        ]
    )


def test_captions_made_of_one_name_are_a_group() -> None:
    captions = described(
        (True, {}, ("a chair", "there is a red chair")),
        (False, {}, ("a chair",)),  # people wrote it: it is of this picture alone
        (True, {}, ("this is a chair",)),
        (True, {}, ("a swivel chair",)),
    )
    groups = name_groups(captions, WORDS)
    # Numbers begin behind the pictures', so that no group is taken for a picture.
    assert groups == {(0, 0): 4, (0, 1): 4, (2, 0): 4, (3, 0): 5}


def test_captions_of_outlined_objects_are_groups_by_their_words() -> None:
    outlined = {"chair": 0.2, "dog": 0.1}
    captions = described(
        (True, outlined, ("a chair", "a dog", "a dog and a chair")),
        (True, {}, ("a chair",)),
        (True, outlined, ("a chair and a dog",)),
    )
    groups = name_groups(captions, WORDS)
    assert groups == {(0, 0): 3, (0, 1): 4, (0, 2): 5, (1, 0): 3, (2, 0): 5}


def test_sets_without_templates_have_no_groups() -> None:
    assert name_groups(described((False, {}, ("a chair",))), WORDS) == {}
