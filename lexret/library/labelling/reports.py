"""What training and applying a label did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lexret.library.label_file import Label
from lexret.library.labelling.class_means import WordShare
from lexret.library.labelling.examples import SkippedExample


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
    """

    name: str
    num_examples: int
    num_tried: int
    num_right: int
    num_sure: int
    words: tuple[WordShare, ...]


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
class ApplyReport:
    """What applying a label did, or would do.

    Attributes:
        counts: class -> how many pictures have it then; the empty class is none of them.
        num_changed: pictures whose field changes.
        num_by_hand: pictures that keep what a person put into the field.
        pictures: those that get a class or lose one, where they were asked for.
    """

    counts: Mapping[str, int]
    num_changed: int
    num_by_hand: int
    pictures: tuple[LabelledPicture, ...]
