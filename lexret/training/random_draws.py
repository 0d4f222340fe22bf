"""Named streams of random numbers: every draw of a training run comes from one of them.

A stream is a function of the run's seed and a key (a step, an epoch, a picture), so that a resumed
run draws the same numbers and no generator has to be stored. The number behind a name is part of
every run that was ever made: it never changes, and a new stream gets a new number.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purpose of a draw."""

    PICTURE_ORDER = 1
    """Order of a domain's pictures in a pass over them; key: passes done, then the domain, if it
    is not the first."""
    BATCH = 2
    """Everything else about a batch: view, captions, patches, rectangle; key: step."""
    WORD_BUDGET = 3
    """Number of words that pictures keep; key: step."""
    AUGMENTATION = 4
    """Mirroring and cropping of one picture; key: step, picture."""
    INITIALISATION_PICTURES = 5
    """Pictures that the closed form of the initialisation sees."""
    WORD_USE_PICTURES = 6
    """Pictures that show how often a word is active."""
    IMAGINED_PICTURES = 7
    """Backgrounds and rectangles of the imagined pictures that show the same."""
    DOMAIN_ORDER = 8
    """Order in which an epoch's steps take their domains; key: epoch."""
    BASE_RATE_PICTURES = 9
    """Pictures that show what a word weighs anyway."""
    REBUILT_ORDER = 10
    """Order of the pictures to rebuild in a pass over them; key: passes done."""
    REBUILT_BATCH = 11
    """What is kept and mirrored of a batch of pictures to rebuild; key: step."""


def generator(stream: Stream, seed: int, *key: int) -> np.random.Generator:
    """Return a fresh generator of a stream; the same arguments give the same numbers.

    Args:
        seed: the run's.
        key: which of the stream's draws; see :class:`Stream`.
    """
    return np.random.default_rng([seed, int(stream), *key])


def dropout_seed(seed: int, step: int, rank: int) -> int:
    """Return what torch's generators are seeded with in a step.

    Each process draws masks of its own; the first one draws those of a process that is alone.
    """
    return seed * 1_000_003 + step + rank * 1_000_000_000_039
