"""Domains of training pictures: which one a step shows, and which pictures of it.

In a batch from one source the wrong pairs are hard to tell from the right ones; street scenes and
product photos are told apart at a glance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lexret.captions.caption_set import CaptionSet
from lexret.training.random_draws import Stream, generator
from lexret.vocabulary import Vocabulary

Integers = npt.NDArray[np.int64]
# Returns the numbers below a size in a random order.
Shuffle = Callable[[int, np.random.Generator], Integers]


class Domains:
    """Schedule of domains: which items, numbered from 0 domain after domain, each step shows.

    It is a function of the seed and the step. A domain's incomplete last batch is left out.

    Args:
        sizes: how many items each domain holds.
        passes: how often an epoch shows each domain.
        shuffle: makes the order of a domain's items in a pass; None: any order alike.

    Attributes:
        sizes: as given.
        steps_per_epoch: number of batches in an epoch.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        passes: Sequence[float],
        batch_size: int,
        seed: int,
        *,
        shuffle: Shuffle | None = None,
    ) -> None:
        self._shuffle = shuffle or (lambda size, rng: rng.permutation(size))
        self.sizes, self._batch_size, self._seed = tuple(sizes), batch_size, seed
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._steps = [
            max(1, round(size // batch_size * times))
            for size, times in zip(sizes, passes, strict=True)
        ]
        self.steps_per_epoch = sum(self._steps)
        self._sequence = lru_cache(maxsize=1)(self._drawn_sequence)
        self._order = lru_cache(maxsize=2 * len(self.sizes))(self._shuffled)

    def chosen(self, step: int) -> Integers:
        """Return the items of a step, rising."""
        epoch, place = divmod(step, self.steps_per_epoch)
        sequence = self._sequence(epoch)
        domain = int(sequence[place])
        number = epoch * self._steps[domain] + int((sequence[:place] == domain).sum())
        done, place_in_pass = divmod(number, self.sizes[domain] // self._batch_size)
        first = place_in_pass * self._batch_size
        items = self._order(domain, done)[first : first + self._batch_size]
        result: Integers = np.sort(items) + self._starts[domain]
        return result

    def _drawn_sequence(self, epoch: int) -> Integers:
        sequence = np.repeat(np.arange(len(self.sizes)), self._steps)
        if len(self.sizes) == 1:
            return sequence
        return generator(Stream.DOMAIN_ORDER, self._seed, epoch).permutation(sequence)

    def _shuffled(self, domain: int, done: int) -> Integers:
        key = (done, domain) if domain else (done,)
        return self._shuffle(self.sizes[domain], generator(Stream.PICTURE_ORDER, self._seed, *key))


def name_groups(captions: CaptionSet, vocabulary: Vocabulary) -> dict[tuple[int, int], int]:
    """Return the number of a group for each (picture, caption) that was made from a name.

    Captions that hold the same words ("a chair", "there is a chair") are one group, because each is
    true of all its pictures. Where no objects are outlined, all captions of a picture are in the
    group of the first: they were made from one name. Numbers begin at the number of pictures.
    """
    numbers: dict[tuple[int, ...], int] = {}
    groups = {}
    for i in range(len(captions)):
        if not captions.by_template(i):
            continue
        texts = captions.captions(i)
        from_one_name = not captions.objects(i)
        for place, text in enumerate(texts):
            key = tuple(sorted(set(vocabulary.match(texts[0] if from_one_name else text)[0])))
            groups[i, place] = len(captions) + numbers.setdefault(key, len(numbers))
    return groups
