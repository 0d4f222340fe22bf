"""The shapes of what the API is told of labels, and answers about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from lexret.library.labelling.reports import NameUse
from lexret.serve.parameters import MAX_ID
from lexret.serve.schema import ID, NAME
from lexret.serve.writing import Wanted

MAX_EXAMPLES = 5_000
MAX_SHOWN = 500
_NAME = Field(min_length=1, max_length=100)
_SURE = Field(default=None, ge=0, le=1, description="How sure a class must be to be written.")

LabelName = Annotated[str, _NAME]
OneId = Annotated[str, Field(max_length=MAX_ID)]
OneQuery = Annotated[str, Field(min_length=1, max_length=2000)]


class WantedExamples(Wanted):
    """Examples of a class: pictures of the index, and queries, of which the 50 best hits count."""

    ids: list[OneId] = Field(default=[], max_length=MAX_EXAMPLES, description=ID)
    queries: list[OneQuery] = Field(default=[], max_length=100)


class WantedTraining(Wanted):
    """A label to train."""

    name: LabelName
    classes: dict[LabelName, WantedExamples] = Field(default={}, max_length=200)
    none: WantedExamples = Field(default=WantedExamples(), description="Of none of the classes.")
    add: bool = Field(default=False, description="Keep the examples of before, and add these.")
    field: str | None = Field(default=None, max_length=100, description="By default `label`.")
    at_least: float | None = _SURE
    use_names: bool | None = Field(
        default=None,
        description="Let names of classes that are made of words of the vocabulary count as well; "
        "by default they do. Such a class may have no example.",
    )
    dry_run: bool = Field(default=False, description="Tell what would be learnt; keep nothing.")
    show: int = Field(
        default=0, ge=0, le=MAX_SHOWN,
        description="Tell so many pictures of each class that would get it, and so many that "
        "nearly would.",
    )  # fmt: skip


class WantedApplying(Wanted):
    """A label whose classes are to be written into its field."""

    name: LabelName
    at_least: float | None = _SURE
    overwrite: bool = Field(default=False, description="Replace what people put there as well.")


class WantedRemoval(Wanted):
    """A label to forget."""

    name: LabelName
    keep_field: bool = Field(default=False, description="Leave the classes in the index.")


class LabelEntry(BaseModel):
    """A label."""

    name: str
    field: str = Field(description="Its classes are searched for as field:class.")
    classes: list[str]
    examples: int
    at_least: float
    waiting: int = Field(description="Pictures that it has not seen as they are now.")


class LabelList(BaseModel):
    """All labels, by their names."""

    labels: list[LabelEntry]


class WordShareOf(BaseModel):
    """A word and how much it decides."""

    word: str
    share: float


class LabelExample(BaseModel):
    """An example; its class is null where it is none of the classes."""

    name: str = Field(description=NAME)
    label_class: str | None = Field(serialization_alias="class")
    given_as: str = Field(description="A picture or a query.")


class LabelClass(BaseModel):
    """A class, and how well the other examples know those of its own; null: none of the classes."""

    name: str | None
    examples: int
    left_out: int = Field(description="Examples that were left out in turn.")
    right: int = Field(description="How many of them the others put into this class.")
    right_and_sure: int
    words: list[WordShareOf]
    name_use: NameUse | None = Field(description="What the name of the class does as evidence.")


class Skipped(BaseModel):
    """An example that was left out, and why."""

    name: str
    reason: str


class LabelledHit(BaseModel):
    """A picture and the class that it gets; null: none of them."""

    id: str = Field(description=ID)
    name: str = Field(description=NAME)
    label_class: str | None = Field(serialization_alias="class")
    sure: float = Field(description="1 for an example.")
    before: str | None = Field(description="What the field holds now.")
    words: list[WordShareOf]


class Reached(BaseModel):
    """How many pictures, without examples, are at least so sure of a class."""

    at_least: float
    pictures: int


class FewReached(BaseModel):
    """A class that few pictures are sure enough of."""

    label_class: str = Field(serialization_alias="class")
    asked: Reached
    lower: list[Reached] = Field(description="At lower levels, of which each adds some.")


class LabelApplied(BaseModel):
    """What applying a label did, or would do."""

    field: str
    counts: dict[str, int] = Field(description="Class -> pictures that have it then.")
    none: int = Field(description="Pictures of none of the classes.")
    changed: int
    by_hand: int = Field(description="Pictures that keep what a person put into the field.")
    pictures: list[LabelledHit] = Field(description="Of a preview: by class, the surest first.")
    near: list[LabelledHit] = Field(
        description="Of a preview: those nearest to a class but not sure enough of it, likewise."
    )
    few: list[FewReached]


class LabelReportAnswer(BaseModel):
    """What a label is learnt from."""

    name: str
    field: str
    at_least: float
    accuracy: float | None = Field(description="Null: no class has two examples.")
    classes: list[LabelClass]
    examples: list[LabelExample]
    skipped: list[Skipped]
    would: LabelApplied | None = Field(
        default=None, description="What applying it would do, where pictures were asked for."
    )


class LabelRemoved(BaseModel):
    """How many pictures lost a class."""

    changed: int
