"""Labels of an index, with their examples, in ``labels.json`` beside it.

The file is sealed and has a copy. It holds the vectors of the examples, so that no picture is
needed again, and what each example was given as, so that a label can be trained anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from lexret.engine.store.sections import storage_errors
from lexret.errors import DamageError, InputError, UnknownLabelError
from lexret.files.locks import WriterLock
from lexret.files.names import name_to_text, text_to_name
from lexret.files.sealed import is_copied, replace_with_copy, seal, unseal_version
from lexret.library.sealed_pairs import damage_of_pair, load_pair, mend_pair

LABELS_FILE: Final = "labels.json"
_FORMAT: Final = "lexret-labels"
_WITHOUT_NAMES, _VERSION = 1, 2  # versions of the file; older releases read the first
NONE: Final = ""
"""The class of examples that are none of a label's classes; it is written nowhere."""


@dataclass(frozen=True, eq=False)
class Example:
    """Example of a class.

    Attributes:
        class_name: the class, or :data:`NONE`.
        source: what it was given as: a file, a folder, a picture of the index or a query.
        name: the picture, for people.
        sha256: of the file's content; empty where that is not known.
        term_ids: (nnz,) int32, rising.
        weights: (nnz,) float32.
    """

    class_name: str
    source: str
    name: str
    sha256: str
    term_ids: Any
    weights: Any


@dataclass(frozen=True, eq=False)
class KnownName:
    """Name of a class as a query, where it is made of words of the vocabulary.

    Attributes:
        term_ids: (nnz,) int32, rising, of the query; its length is 1.
        weights: (nnz,) float32.
        spread: standard deviation of the products of the index's vectors, each of length 1, with
            the query.
    """

    term_ids: Any
    weights: Any
    spread: float


@dataclass(frozen=True, eq=False)
class Label:
    """Label: classes, their examples, and the field that says which a picture is of.

    Attributes:
        name: what people call it.
        field: the field of the index.
        at_least: how sure a class must be to be written.
        model_id: the model that made the vectors.
        fingerprint: of its vocabulary.
        classes: names, in order; the last is :data:`NONE` where there are examples of that.
        examples: of all classes.
        index_mean: term ids and weights of the mean of the index's vectors, each of length 1.
        names: class -> its name as evidence, where that is made of words of the vocabulary; None:
            the label was trained before names counted.
        use_names: whether names are to count.
    """

    name: str
    field: str
    at_least: float
    model_id: str
    fingerprint: str
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    index_mean: tuple[Any, Any]
    names: Mapping[str, KnownName] | None = None
    use_names: bool = True

    @cached_property
    def key(self) -> str:
        """What the classes follow from, in 8 hexadecimal digits."""
        values = json.dumps(_as_json(self), sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:8]

    @property
    def mark(self) -> str:
        """The field that says what was written into :attr:`field`, and for which content."""
        return f"_{self.field}_label"

    def mark_of(self, sha256: str, class_name: str) -> str:
        """Return the mark of a picture that was looked at: label, content, class."""
        return f"{self.key} {sha256[:8]} {class_name}"

    def num_examples(self, class_name: str) -> int:
        """Return how many examples a class has."""
        return sum(example.class_name == class_name for example in self.examples)


Labels = Mapping[str, Label]


def load_labels(index_path: Path) -> dict[str, Label]:
    """Return the labels of an index by their names.

    Raises:
        DamageError: if the file is damaged.
    """
    return load_pair(index_path / LABELS_FILE, _parse) or {}


def label_named(index_path: Path, name: str) -> Label:
    """Return a label of an index; raises UnknownLabelError where there is none of that name."""
    labels = load_labels(index_path)
    if name not in labels:
        known = ", ".join(labels) or "none yet; `lexret label train` makes one"
        raise UnknownLabelError(f"There is no label {name!r} in {index_path}; there are: {known}.")
    return labels[name]


def change_labels(index_path: Path, change: Callable[[Labels], Labels]) -> None:
    """Replace the labels of an index.

    Args:
        change: is given those that it has and returns those that it gets.

    Raises:
        DamageError: if the file is damaged.
        LockedError: if another process is writing the index.
        StorageError: if the file cannot be written.
    """
    path = index_path / LABELS_FILE
    with storage_errors(index_path):
        lock = WriterLock(index_path)
    try:
        before = load_labels(index_path)
        after = change(before)
        if dict(after) == before and is_copied(path):
            return
        save_labels(index_path, after)
    finally:
        lock.release()


def save_labels(index_path: Path, labels: Labels) -> None:
    """Write the labels of an index, of which the caller holds the lock."""
    values = {name: _as_json(label) for name, label in sorted(labels.items())}
    has_names = any(label.names is not None for label in labels.values())
    version = _VERSION if has_names else _WITHOUT_NAMES
    with storage_errors(index_path):
        replace_with_copy(
            index_path / LABELS_FILE,
            seal({"format": _FORMAT, "version": version, "labels": values}),
        )


def take_over_labels(index_path: Path, sources: Sequence[Path]) -> None:
    """Give an index the labels of others, of which the caller holds the index's lock.

    Of labels of one name, or for one field, the first counts.

    Raises:
        DamageError: if a file is damaged.
        StorageError: if the file cannot be written.
    """
    before = load_labels(index_path)
    labels = dict(before)
    for source in sources:
        for name, label in load_labels(source).items():
            fields = {each.field for each in labels.values()}
            if name not in labels and label.field not in fields:
                labels[name] = label
    if labels != before or (labels and not is_copied(index_path / LABELS_FILE)):
        save_labels(index_path, labels)


def damage_of_labels(index_path: Path) -> list[DamageError]:
    """Return what is wrong with the labels of an index, and with their copy."""
    return damage_of_pair(index_path / LABELS_FILE, _parse)


def mend_labels(index_path: Path, aside: Path) -> None:
    """Write the labels of an index anew; see :func:`mend_pair`."""
    mend_pair(index_path / LABELS_FILE, _parse, aside)


def _as_json(label: Label) -> dict[str, object]:
    named: dict[str, object] = {}
    if label.names is not None:
        named = {"names": _names_as_json(label.names), "use_names": label.use_names}
    return {
        **named,
        "field": label.field,
        "at_least": label.at_least,
        "model_id": label.model_id,
        "vocabulary": label.fingerprint,
        "classes": list(label.classes),
        "index_mean": [_packed(label.index_mean[0], "<i4"), _packed(label.index_mean[1], "<f4")],
        "examples": [
            {
                "class": example.class_name,
                "source": name_to_text(example.source),
                "name": name_to_text(example.name),
                "sha256": example.sha256,
                "words": _packed(example.term_ids, "<i4"),
                "weights": _packed(example.weights, "<f4"),
            }
            for example in label.examples
        ],
    }


def _names_as_json(names: Mapping[str, KnownName]) -> dict[str, object]:
    return {
        name: {
            "words": _packed(known.term_ids, "<i4"),
            "weights": _packed(known.weights, "<f4"),
            "spread": known.spread,
        }
        for name, known in names.items()
    }


def _packed(values: Any, kind: str) -> str:
    return base64.b64encode(np.asarray(values, kind).tobytes()).decode()


def _unpacked(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text, validate=True), kind).astype(kind[1:])


def _parse(data: bytes) -> dict[str, Label]:
    """Parse the bytes of a file of labels; raises ValueError if they are damaged."""
    values = unseal_version(data, _FORMAT, _WITHOUT_NAMES, _VERSION)
    try:
        return {name: _label(name, held) for name, held in values["labels"].items()}
    except (TypeError, KeyError, AttributeError, IndexError, binascii.Error, InputError) as error:
        raise ValueError(f"{error!r} in its fields") from error


def _label(name: str, held: Mapping[str, Any]) -> Label:
    ids, weights = held["index_mean"]
    examples = tuple(
        Example(
            str(one["class"]),
            text_to_name(one["source"]),
            text_to_name(one["name"]),
            str(one["sha256"]),
            _unpacked(one["words"], "<i4"),
            _unpacked(one["weights"], "<f4"),
        )
        for one in held["examples"]
    )
    return Label(
        name,
        str(held["field"]),
        float(held["at_least"]),
        str(held["model_id"]),
        str(held["vocabulary"]),
        tuple(map(str, held["classes"])),
        examples,
        (_unpacked(ids, "<i4"), _unpacked(weights, "<f4")),
        None if "names" not in held else _names(held["names"]),
        bool(held.get("use_names", True)),
    )


def _names(held: Mapping[str, Any]) -> dict[str, KnownName]:
    return {
        name: KnownName(
            _unpacked(one["words"], "<i4"), _unpacked(one["weights"], "<f4"), float(one["spread"])
        )
        for name, one in held.items()
    }
