"""What training and applying a label did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from lexret.library.label_file import Label
from lexret.library.labelling.class_means import ClassMeans, WordShare
from lexret.library.labelling.examples import SkippedExample

FEW: Final = 10
"""Fewer pictures than this are few for a class."""
LEAST_ADVISED: Final = 0.2
"""The lowest level that anyone is advised to take: below, nearly all would be wrong."""
NameUse: TypeAlias = Literal["counts", "hardly fits", "does not fit", "unknown", "left out"]
"""What the name of a class does: it counts beside the examples; it counts though the few examples
hardly fit it; it does not, as they do not fit it; it is not made of words of the vocabulary; or it
was not wanted."""


@dataclass(frozen=True, slots=True)
class ClassReport:
    """What a class was learnt from.

    Attributes:
        name: of the class; empty for the examples that are none of the classes.
        num_examples: how many there are.
        num_tried: how many of them were left out in turn; a single one cannot be.
        num_right: how many of these the others put into their class.
        num_sure: how many of those were sure enough to be labelled.
        words: what tells the class from the others, the strongest first.
        name_use: what the name does.
    """

    name: str
    num_examples: int
    num_tried: int
    num_right: int
    num_sure: int
    words: tuple[WordShare, ...]
    name_use: NameUse


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What a label was trained on, and how well it knows its own examples.

    Attributes:
        label: what was trained.
        classes: one by one.
        skipped: examples that could not be read.
    """

    label: Label
    classes: tuple[ClassReport, ...]
    skipped: tuple[SkippedExample, ...] = ()

    @property
    def accuracy(self) -> float | None:
        """Share of the examples, each left out in turn, that the others put right; None: none."""
        tried = sum(each.num_tried for each in self.classes)
        return sum(each.num_right for each in self.classes) / tried if tried else None


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """Picture and the class that it gets.

    Attributes:
        doc_id: its id in the index.
        class_name: the class; empty: none of them.
        sure: the probability that the nearest class is right; 1 for an example.
        before: what the field held before; None: nothing.
        words: what decided; empty for examples, and where it was not asked for.
    """

    doc_id: str
    class_name: str
    sure: float
    before: str | None
    words: tuple[WordShare, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """How many pictures are nearest to a class and at least so sure; examples do not count."""

    at_least: float
    num: int


@dataclass(frozen=True, slots=True)
class FewReach:
    """Class that few pictures are sure enough of.

    Attributes:
        class_name: the class.
        asked: how many are as sure as was asked for.
        lower: the same at lower levels, of which each adds some.
    """

    class_name: str
    asked: Reach
    lower: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What applying a label did, or would do.

    Attributes:
        counts: class -> how many pictures have it then; the empty class is none of them.
        num_changed: pictures whose field changes.
        num_by_hand: pictures that keep what a person put into the field.
        pictures: those that get a class or lose one, where they were asked for.
        reach: class -> how many other pictures are as sure as was asked for, then how many are at
            lower levels, falling.
        near: pictures that are nearest to a class but not sure enough, the surest of each class
            first, where they were asked for.
    """

    counts: Mapping[str, int]
    num_changed: int
    num_by_hand: int
    pictures: tuple[LabelledPicture, ...]
    reach: Mapping[str, tuple[Reach, ...]]
    near: tuple[LabelledPicture, ...]

    def few(self) -> tuple[FewReach, ...]:
        """Return the classes that few pictures are sure enough of, but for their examples."""
        return tuple(
            FewReach(name, levels[0], _lower(levels))
            for name, levels in self.reach.items()
            if levels[0].num < FEW and levels[0].at_least > LEAST_ADVISED
        )


def use_of_name(label: Label, name: str, means: ClassMeans) -> NameUse:
    """Return what the name of a class of a label does, by the means of its classes."""
    if not label.use_names or label.names is None:
        return "left out"
    if name not in label.names:
        return "unknown"
    number = label.classes.index(name)
    if means.doubts_name(number):
        return "hardly fits"
    return "counts" if means.counts_name(number) else "does not fit"


def _lower(levels: Sequence[Reach]) -> tuple[Reach, ...]:
    return tuple(
        lower
        for above, lower in pairwise(levels)
        if lower.at_least >= LEAST_ADVISED and lower.num > above.num
    )
