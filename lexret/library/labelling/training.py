"""Makes a label of examples: reads them, and settles which class each picture is an example of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lexret.arguments import require_several
from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import read_documents
from lexret.errors import InputError
from lexret.library.label_file import NONE, Example, Label
from lexret.library.labelling.class_means import mean_of
from lexret.library.labelling.examples import ExampleReader, SkippedExample, Source
from lexret.library.labelling.names import known_names
from lexret.sparse import SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.protocol import QueryEncoder

DEFAULT_FIELD: Final = "label"
AT_LEAST: Final = 0.5
ClassSource = tuple[str, str | Source]
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What a label is to be, but for its examples.

    Attributes:
        name: what people call it.
        field: the field of the index.
        at_least: how sure a class must be to be written.
        use_names: whether the names of classes count, where they are known.
    """

    name: str
    field: str
    at_least: float
    use_names: bool


def settings_of(
    name: str,
    before: Label | None,
    field: str | None,
    at_least: float | None,
    use_names: bool | None,
) -> Settings:
    """Return what a label is to be: as somebody says, else as before, else as usual.

    Raises:
        InputError: if ``at_least`` is not from 0 to 1, or ``use_names`` is no truth value.
    """
    check_at_least(at_least)
    if use_names not in (None, True, False):
        raise InputError(f"use_names is True, False or None; found {use_names!r}.")
    if before is not None:
        field = field or before.field
        at_least = before.at_least if at_least is None else at_least
        use_names = before.use_names if use_names is None else use_names
    return Settings(
        name,
        field or DEFAULT_FIELD,
        AT_LEAST if at_least is None else at_least,
        use_names is not False,
    )


def check_at_least(at_least: float | None) -> None:
    """Raise InputError unless a level is from 0 to 1, or none is given."""
    if at_least is not None and not 0 <= at_least <= 1:
        raise InputError(f"at_least is how sure a class must be, from 0 to 1; found {at_least}.")


def classes_by_name(label: Label) -> list[str]:
    """Return the classes of a label that have no example."""
    return [name for name in label.classes if not label.num_examples(name)]


def sources_of_before(label: Label) -> list[ClassSource]:
    pairs = dict.fromkeys((example.class_name, example.source) for example in label.examples)
    return list(pairs)


def sources_of(
    classes: Mapping[str, Sequence[str | Source]], none: Sequence[str | Source]
) -> list[ClassSource]:
    """Return (class, source) pairs; raises InputError where a class has no usable name."""
    if not isinstance(classes, Mapping):
        raise InputError(
            f"Expected a table of classes and their examples, such as {{'dog': ['1.jpg']}}; found "
            f"{classes!r}."
        )
    for name, given in classes.items():
        require_several(given, f"examples of {name!r}")
    require_several(none, "examples of none of the classes")
    by_case = {name.casefold(): name for name in reversed(list(classes))}
    for name in classes:
        if by_case[name.casefold()] != name:
            raise InputError(
                f"The classes {by_case[name.casefold()]!r} and {name!r} differ only in case, which "
                "filters ignore; give them other names."
            )
        if not name.strip() or "\n" in name or not name.isprintable() or name != name.strip():
            raise InputError(f"{name!r} is no name for a class; expected a short text.")
    pairs = [(name, source) for name, sources in classes.items() for source in sources]
    pairs += [(NONE, source) for source in none]
    return [(name, each if isinstance(each, Source) else str(each)) for name, each in pairs]


def read_label(
    index: EmbeddedIndex,
    reader: ExampleReader,
    texts: Callable[[], QueryEncoder],
    sources: Sequence[ClassSource],
    settings: Settings,
    *,
    kept: Sequence[Example],
    by_name: Sequence[str],
) -> tuple[Label, tuple[SkippedExample, ...]]:
    """Read the examples of a label; return it with the pictures that were left out, and why.

    Args:
        texts: returns the encoder of queries; called only if the name of a class is known.
        sources: (class, source) pairs.
        kept: examples of before; what a source says of the same picture counts more.
        by_name: classes that may do without examples, as their names are known.

    Raises:
        InputError: if a source gives no example, a picture was given for two classes, or a class is
            left without an example and a known name.
        MissingError: if there is no such example.
    """
    read = [example for source in sources for example in reader.read(*source)]
    distinct, left_out = _distinct(read, reader.queries)
    examples = _joined(kept, distinct)
    classes = _classes(examples, sources, by_name, left_out)
    names = {}
    if settings.use_names:
        names = known_names(classes, index.vocabulary, texts, _batches(index))
    found = {example.class_name for example in examples}
    for class_name in classes:
        if class_name not in found and class_name not in names:
            raise InputError(_no_example(class_name, use_names=settings.use_names))
    label = Label(
        settings.name, settings.field, settings.at_least, index.model_id,
        index.manifest.vocabulary_fingerprint, classes, tuple(examples), _index_mean(index),
        names, settings.use_names,
    )  # fmt: skip
    return label, (*reader.skipped, *left_out)


def _classes(
    examples: Sequence[Example],
    sources: Sequence[ClassSource],
    by_name: Sequence[str],
    left_out: Sequence[SkippedExample],
) -> tuple[str, ...]:
    """Return the classes in order; raises InputError where one lost all of its examples."""
    found = dict.fromkeys(example.class_name for example in examples)
    for class_name, _ in sources:
        if class_name not in found:
            reasons = " ".join(note.reason for note in left_out[:_MOST_NAMED])
            raise InputError(
                f"Every example of {class_name or 'none'!r} is found by the query for another "
                "class as well. Make the queries differ: a query leaves pictures out by a minus, "
                f"as in +food -dog. {reasons}"
            )
    found |= dict.fromkeys(by_name)
    names = [*(each for each in found if each != NONE), *([NONE] if NONE in found else [])]
    if names in ([], [NONE]):
        raise InputError("There is no example of any class; name one with --class.")
    return tuple(names)


def _no_example(class_name: str, *, use_names: bool) -> str:
    why = "its name is not made of words of the vocabulary" if use_names else "names are left out"
    return (
        f"The class {class_name!r} has no example, and {why}: give it an example, as in "
        f"--class {class_name!r}=EXAMPLES."
    )


def _distinct(
    examples: Sequence[Example], queries: Collection[str]
) -> tuple[list[Example], list[SkippedExample]]:
    """Keep each picture once, and in one class.

    A picture that was given for a class is of it, whatever queries find. One that only queries
    give, of two classes, is left out of both.

    Raises:
        InputError: if a picture was given for two classes.
    """
    by_picture: dict[str, list[Example]] = {}
    for example in examples:
        by_picture.setdefault(example.sha256 or example.name, []).append(example)
    kept, left_out, refused = [], [], []
    for same in by_picture.values():
        given = [example for example in same if example.source not in queries]
        count = given or same
        first = count[0]
        other = next((each for each in same if each.class_name != first.class_name), None)
        if other is None:
            kept.append(first)
        elif any(example.class_name != first.class_name for example in given):
            refused.append((first, next(e for e in given if e.class_name != first.class_name)))
        elif given:
            kept.append(first)
            left_out.append(_note(first, other, "it stays of the first, which it was given for"))
        else:
            left_out.append(_note(first, other, "it is an example of neither"))
    if refused:
        raise InputError(_refusal(refused))
    return kept, left_out


def _note(first: Example, other: Example, so: str) -> SkippedExample:
    return SkippedExample(
        first.name,
        f"{first.name} is given for {first.class_name or 'none'!r} by {first.source} and for "
        f"{other.class_name or 'none'!r} by {other.source}: {so}.",
    )


def _refusal(pairs: Sequence[tuple[Example, Example]]) -> str:
    named = "; ".join(
        f"{first.name} is given for {first.class_name or 'none'!r} (by {first.source}) and for "
        f"{other.class_name or 'none'!r} (by {other.source})"
        for first, other in pairs[:_MOST_NAMED]
    )
    more = f"; and so are {len(pairs) - _MOST_NAMED:,} more" if len(pairs) > _MOST_NAMED else ""
    return f"{named}{more}. A picture is an example of one class: give it for one of them only."


def _joined(before: Sequence[Example], fresh: Sequence[Example]) -> list[Example]:
    """Join examples; what is given now says what a picture is of, whatever was said before."""
    given = {example.sha256 or example.name for example in fresh}
    return [*(one for one in before if (one.sha256 or one.name) not in given), *fresh]


def _batches(index: EmbeddedIndex) -> Iterator[SparseBatch]:
    return (chunk.vectors for chunk in read_documents(index))


def _index_mean(index: EmbeddedIndex) -> tuple[Any, Any]:
    """Return term ids and weights of the mean of an index's vectors, each of length 1."""
    mean_V = mean_of(_batches(index), len(index.vocabulary))
    term_ids = np.flatnonzero(mean_V).astype(np.int32)
    return term_ids, mean_V[term_ids].astype(np.float32)
