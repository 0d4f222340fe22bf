"""Addresses of the API about labels; what changes something stands behind the guards of writing.

Examples are pictures of the index and queries: no file and no folder is looked for by their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query

from lexret.engine.index import EmbeddedIndex
from lexret.errors import InputError, UnknownLabelError
from lexret.files.names import name_to_text, shown_line, text_to_name, whole_text
from lexret.library.label_file import Label
from lexret.library.labelling.class_means import WordShare
from lexret.library.labelling.examples import Source, is_query
from lexret.library.labelling.reports import ApplyReport, LabelledPicture, LabelReport, Reach
from lexret.library.library import Library
from lexret.serve import label_schema as shapes
from lexret.serve.limits import HeavyWork
from lexret.serve.settings import ServeSettings
from lexret.serve.writing import Writing

Name = Annotated[str, Query(min_length=1, max_length=100)]


class Labelling:
    """The functions behind these addresses.

    Args:
        writing: what guards changes, and lets one in at a time.
        heavy: lets in few at a time of what reads the whole index.
    """

    def __init__(
        self, library: Library, settings: ServeSettings, writing: Writing, heavy: HeavyWork
    ) -> None:
        self._library, self._settings = library, settings
        self._writing, self._heavy = writing, heavy

    def add_to(self, app: FastAPI) -> None:
        """Add them to an application."""
        app.get("/api/labels", summary="Labels, and what waits for them")(self.every)
        app.get("/api/labels/show", summary="What a label was learnt from")(self.show)
        app.get("/api/labels/preview", summary="What each picture would get")(self.preview)
        for name, function, told in (
            ("train", self.train, "Learn classes from examples"),
            ("apply", self.apply, "Write the classes into the index"),
            ("remove", self.remove, "Take a label out of the index"),
        ):
            path = f"/api/labels/{name}"
            app.post(path, summary=told, dependencies=self._writing.guards)(function)

    def every(self) -> shapes.LabelList:
        labels = self._library.labels
        waiting = labels.waiting()
        return shapes.LabelList(
            labels=[
                shapes.LabelEntry(
                    name=whole_text(name),
                    field=whole_text(label.field),
                    classes=[whole_text(each) for each in label.classes if each],
                    examples=len(label.examples),
                    at_least=label.at_least,
                    waiting=waiting.get(name, 0),
                )
                for name, label in sorted(labels.all().items())
            ]
        )

    def show(self, name: Name) -> shapes.LabelReportAnswer:
        with self._heavy.turn():
            return self._report(self._library.labels.show(name))

    def preview(
        self,
        name: Name,
        at_least: Annotated[float | None, Query(ge=0, le=1)] = None,
        overwrite: bool = False,
        k: Annotated[int, Query(ge=1, le=shapes.MAX_SHOWN, description="Of each class.")] = 30,
    ) -> shapes.LabelApplied:
        label = self._label(name)
        with self._heavy.turn():
            found = self._library.labels.preview(
                name, at_least=at_least, overwrite=overwrite, num_near=k
            )
        return _applied(found, label, k)

    def train(self, wanted: shapes.WantedTraining) -> shapes.LabelReportAnswer:
        classes = {name: _sources(given) for name, given in wanted.classes.items()}
        none = _sources(wanted.none)
        if not (none or classes):
            raise InputError("A label is learnt from examples: give each class ids or queries.")
        with self._writing.changing:
            report = self._library.labels.train(
                wanted.name, classes, none=none, field=wanted.field, at_least=wanted.at_least,
                use_names=wanted.use_names, add=wanted.add, dry_run=wanted.dry_run,
            )  # fmt: skip
        told = self._report(report)
        if wanted.show:
            with self._heavy.turn():
                would = self._library.labels.preview(report.label, num_near=wanted.show)
            told.would = _applied(would, report.label, wanted.show)
        return told

    def apply(self, wanted: shapes.WantedApplying) -> shapes.LabelApplied:
        label = self._label(wanted.name)
        with self._writing.changing:
            found = self._library.labels.apply(
                wanted.name, at_least=wanted.at_least, overwrite=wanted.overwrite
            )
        return _applied(found, label, 0)

    def remove(self, wanted: shapes.WantedRemoval) -> shapes.LabelRemoved:
        with self._writing.changing:
            changed = self._library.labels.remove(wanted.name, keep_field=wanted.keep_field)
        return shapes.LabelRemoved(changed=changed)

    def _label(self, name: str) -> Label:
        label = self._library.labels.all().get(name)
        if label is None:
            raise UnknownLabelError(f"There is no label {name!r}.")
        return label

    def _report(self, report: LabelReport) -> shapes.LabelReportAnswer:
        label = report.label
        index = self._library.snapshot().index
        return shapes.LabelReportAnswer(
            name=whole_text(label.name),
            field=whole_text(label.field),
            at_least=label.at_least,
            accuracy=report.accuracy,
            classes=[
                shapes.LabelClass(
                    name=whole_text(each.name) or None,
                    examples=each.num_examples,
                    left_out=each.num_tried,
                    right=each.num_right,
                    right_and_sure=each.num_sure,
                    words=_words(each.words),
                    name_use=each.name_use if each.name else None,
                )
                for each in report.classes
            ],
            examples=[
                shapes.LabelExample(
                    name=self._shown(example.name, index),
                    label_class=whole_text(example.class_name) or None,
                    given_as=self._shown(example.source, index),
                )
                for example in label.examples
            ],
            skipped=[
                shapes.Skipped(name=self._shown(one.name, index), reason=whole_text(one.reason))
                for one in report.skipped
            ],
        )

    def _shown(self, given: str, index: EmbeddedIndex) -> str:
        """Return what an example was given as; of a file elsewhere, other machines get the name."""
        is_known = self._settings.is_local or given in index
        is_known = is_known or (is_query(given) and not Path(given).is_absolute())
        return shown_line(given if is_known else Path(given).name)


def _sources(given: shapes.WantedExamples) -> list[str | Source]:
    pictures = [Source(text_to_name(each), "picture") for each in given.ids]
    return [*pictures, *(Source(query, "query") for query in given.queries)]


def _applied(report: ApplyReport, label: Label, k: int) -> shapes.LabelApplied:
    """Return an answer with the first ``k`` pictures of each class."""
    shown: dict[str, list[LabelledPicture]] = {}
    for one in report.pictures:
        of_class = shown.setdefault(one.class_name, [])
        if len(of_class) < k:
            of_class.append(one)
    return shapes.LabelApplied(
        field=whole_text(label.field),
        counts={whole_text(name): count for name, count in report.counts.items() if name},
        none=report.counts.get("", 0),
        changed=report.num_changed,
        by_hand=report.num_by_hand,
        pictures=[_hit(one) for of_class in shown.values() for one in of_class],
        near=[_hit(one) for one in report.near],
        few=[
            shapes.FewReached(
                label_class=whole_text(few.class_name),
                asked=_reached(few.asked),
                lower=[_reached(each) for each in few.lower],
            )
            for few in report.few()
        ],
    )


def _hit(picture: LabelledPicture) -> shapes.LabelledHit:
    return shapes.LabelledHit(
        id=name_to_text(picture.doc_id),
        name=shown_line(picture.doc_id),
        label_class=whole_text(picture.class_name) or None,
        sure=picture.sure,
        before=None if picture.before is None else whole_text(picture.before),
        words=_words(picture.words),
    )


def _reached(reach: Reach) -> shapes.Reached:
    return shapes.Reached(at_least=reach.at_least, pictures=reach.num)


def _words(words: Iterable[WordShare]) -> list[shapes.WordShareOf]:
    return [shapes.WordShareOf(word=each.word, share=each.share) for each in words]
