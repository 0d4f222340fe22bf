"""Labels of a library: trained from examples, tried, written into the index, taken out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.store.columns import TEXT
from lexret.errors import InputError
from lexret.interop.backends import open_index, open_writer
from lexret.library.fields import check_name
from lexret.library.label_file import (
    Example,
    Label,
    Labels,
    change_labels,
    label_named,
    load_labels,
)
from lexret.library.labelling.applying import (
    WORDS_TOLD,
    Application,
    Told,
    clear,
    num_waiting,
    require_same_model,
)
from lexret.library.labelling.class_means import means_of
from lexret.library.labelling.examples import (
    MOST_OF_A_QUERY,
    ExampleReader,
    SkippedExample,
    Source,
)
from lexret.library.labelling.reports import ApplyReport, ClassReport, LabelReport, use_of_name
from lexret.library.labelling.training import (
    Settings,
    check_at_least,
    classes_by_name,
    read_label,
    settings_of,
    sources_of,
    sources_of_before,
)

if TYPE_CHECKING:
    from lexret.encoders.protocol import PatchEncoder, QueryEncoder
    from lexret.library.asking.results import Results
    from lexret.library.snapshots import Snapshot


class _Encoders(Protocol):
    """Encoders of a model, as far as labels use them."""

    def images(self) -> PatchEncoder: ...

    def texts(self) -> QueryEncoder: ...


class LabelledLibrary(Protocol):
    """Library, as far as labels use it."""

    @property
    def path(self) -> Path: ...

    def snapshot(self) -> Snapshot: ...

    def encoders(self, snapshot: Snapshot | None = None) -> _Encoders: ...

    def search(self, text: str = "", *, k: int = 10) -> Results: ...


class LibraryLabels:
    """Labels of a library, as ``lexret label`` has them.

    Args:
        library: whose pictures are labelled.
        expire: is called when the index was changed.
    """

    def __init__(self, library: LabelledLibrary, expire: Callable[[], None]) -> None:
        self._library, self._expire = library, expire

    def names(self) -> list[str]:
        """Return the names of all labels."""
        return sorted(self.all())

    def all(self) -> Labels:
        """Return all labels by their names; raises DamageError if their file is damaged."""
        return load_labels(self._library.path)

    def train(
        self,
        name: str,
        classes: Mapping[str, Sequence[str | Source]] | None = None,
        *,
        none: Sequence[str | Source] = (),
        field: str | None = None,
        at_least: float | None = None,
        use_names: bool | None = None,
        add: bool = False,
        dry_run: bool = False,
    ) -> LabelReport:
        """Learn classes from examples, and keep them under a name; nothing is labelled yet.

        Args:
            name: of the label; what was trained under it before is replaced.
            classes: class -> examples: files, folders, pictures of the index by id or path, and
                queries, of which the 50 best hits count; a :class:`Source` is one kind only. A
                picture that queries give for two classes is an example of neither. A class whose
                name is known may have none. Without any class, the examples of before are read
                again, as after the index was made anew with another model.
            none: examples of what is none of the classes.
            field: the index's field for the classes; by default as before, else ``label``.
            at_least: how sure a class must be to be written, from 0 to 1; by default as before,
                else 0.5.
            use_names: whether the names of classes count beside the examples, where they are made
                of words of the vocabulary; by default as before, else they do.
            add: keep the examples of before and add to them.
            dry_run: tell what would be learnt, and keep nothing.

        Raises:
            InputError: if a name cannot be used, the field belongs to another label or is no text,
                a source gives no example, or a picture is given for two classes.
            MissingError: if there is no such example, or nothing was trained before.
            MismatchError: if ``add`` is set, and another model made the examples of before.
            LockedError, StorageError: if the index cannot be written.
        """
        snapshot, before = self._library.snapshot(), self.all().get(name)
        sources = sources_of(classes := classes or {}, none)
        goes_on = add or not (classes or sources)
        if goes_on:
            before = before or label_named(self._library.path, name)  # raises
        kept: tuple[Example, ...] = ()
        by_name = [each for each, given in classes.items() if not given]
        if before is not None and goes_on:
            by_name = [*classes_by_name(before), *by_name]
            if add:
                require_same_model(before, snapshot.index)
                kept = before.examples
            else:
                sources = sources_of_before(before)
        settings = settings_of(name, before, field, at_least, use_names)
        self._check(settings, snapshot.index)
        label, left_out = read_label(
            snapshot.index, self._reader(snapshot),
            lambda: self._library.encoders(snapshot).texts(), sources, settings, kept=kept,
            by_name=by_name,
        )  # fmt: skip
        if not dry_run:
            if before is not None and before.field != label.field:
                clear(self._library.path, before)
            change_labels(self._library.path, lambda labels: {**labels, name: label})
        return self._report(label, left_out)

    def show(self, name: str) -> LabelReport:
        """Tell what a label was trained on; raises MissingError where there is none."""
        label = label_named(self._library.path, name)
        require_same_model(label, self._library.snapshot().index)
        return self._report(label)

    def preview(
        self,
        name: str | Label,
        *,
        at_least: float | None = None,
        overwrite: bool = False,
        num_near: int = 10,
    ) -> ApplyReport:
        """Tell what :meth:`apply` would do, picture by picture; nothing is written.

        Args:
            name: of the label; or a label that :meth:`train` returned and did not keep.
            num_near: so many pictures of each class are told that are nearest to it but not sure
                enough.
        """
        label = name if isinstance(name, Label) else label_named(self._library.path, name)
        applied = _application(label, at_least, overwrite=overwrite)
        applied.look(self._library.snapshot().index, told=Told(num_near))
        return applied.report()

    def apply(
        self, name: str, *, at_least: float | None = None, overwrite: bool = False
    ) -> ApplyReport:
        """Write the classes of all pictures into the label's field, in one commit.

        From stored vectors, with corrections: no picture is opened. Examples get their own class.
        What a person put into the field stays.

        Args:
            at_least: how sure a class must be; by default as it was trained.
            overwrite: replace what a person put into the field as well.

        Raises:
            InputError: if ``at_least`` is not from 0 to 1.
            MissingError: if there is no such label.
            MismatchError: if the index was made anew with another model since.
            LockedError, StorageError, DamageError: if the index cannot be written.
        """
        try:
            return self._apply(name, at_least=at_least, overwrite=overwrite)
        finally:
            self._expire()

    def remove(self, name: str, *, keep_field: bool = False) -> int:
        """Forget a label, and take its classes out of the index, but for what people put there.

        Args:
            keep_field: leave the classes in the index, as if people had put them there.

        Returns:
            how many pictures lost a class.
        """
        if name not in self.all():  # what was cut off while it was removed is tidied up
            change_labels(self._library.path, lambda labels: labels)
        label = label_named(self._library.path, name)
        try:
            num_changed = clear(self._library.path, label, keep_field=keep_field)
        finally:
            self._expire()
        change_labels(
            self._library.path,
            lambda labels: {other: each for other, each in labels.items() if other != name},
        )
        return num_changed

    def waiting(self) -> dict[str, int]:
        """Return how many pictures each applied label has not seen yet, or not as they are now.

        A label that was never applied waits for nothing, and is not named.
        """
        labels = self.all()
        if not labels:
            return {}
        index = self._library.snapshot().index
        return {name: num for name, label in labels.items() if (num := num_waiting(label, index))}

    def _check(self, settings: Settings, index: EmbeddedIndex) -> None:
        name, field, at_least = settings.name, settings.field, settings.at_least
        if not name or not name.isprintable() or len(name) > 100:
            raise InputError(f"{name!r} is no name for a label; expected a short text.")
        check_name(field)
        if not 0 <= at_least <= 1:
            raise InputError(f"A label is written from 0 to 1 sure; found {at_least}.")
        kind = index.columns.get(field, TEXT)
        if kind != TEXT:
            raise InputError(
                f"The field {field!r} holds numbers in this index; name another with --field."
            )
        for other, label in self.all().items():
            if label.field == field and other != name:
                raise InputError(
                    f"The field {field!r} belongs to the label {other!r}; name another, such as "
                    "--field kind, which is searched for as kind:..."
                )

    def _reader(self, snapshot: Snapshot) -> ExampleReader:
        library = self._library
        return ExampleReader(
            snapshot,
            lambda: library.encoders(snapshot).images(),
            lambda query: library.search(query, k=MOST_OF_A_QUERY),
        )

    def _report(self, label: Label, skipped: tuple[SkippedExample, ...] = ()) -> LabelReport:
        index = self._library.snapshot().index
        means = means_of(label, index.vocabulary, without=index.corrections.muted)
        left = means.leave_one_out()
        truth = np.array([label.classes.index(e.class_name) for e in label.examples])
        own = truth[left.examples]
        right = own == left.classes
        reports = []
        for number, name in enumerate(label.classes):
            mine = own == number
            reports.append(
                ClassReport(
                    name,
                    label.num_examples(name),
                    int(mine.sum()),
                    int((mine & right).sum()),
                    int((mine & right & (left.sure >= label.at_least)).sum()),
                    tuple(means.words_of(number, k=WORDS_TOLD)),
                    use_of_name(label, name, means),
                )
            )
        return LabelReport(label, tuple(reports), skipped)

    def _apply(self, name: str, *, at_least: float | None, overwrite: bool) -> ApplyReport:
        label = label_named(self._library.path, name)
        applied = _application(label, at_least, overwrite=overwrite)
        with open_writer(self._library.path) as writer:
            applied.look(open_index(self._library.path), writer=writer)
            if applied.num_written:
                writer.commit()
        return applied.report()


def _application(label: Label, at_least: float | None, *, overwrite: bool) -> Application:
    check_at_least(at_least)
    return Application(label, label.at_least if at_least is None else at_least, overwrite=overwrite)
