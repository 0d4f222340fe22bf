"""Makes a label of examples: reads them, and settles which class each picture is an example of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import read_documents
from lexret.errors import InputError
from lexret.library.label_file import NONE, Example, Label
from lexret.library.labelling.class_means import mean_of
from lexret.library.labelling.examples import ExampleReader, SkippedExample, Source

ClassSource = tuple[str, str | Source]
_MOST_NAMED = 3


def sources_of(
    classes: Mapping[str, Sequence[str | Source]], none: Sequence[str | Source]
) -> list[ClassSource]:
    """Return (class, source) pairs; raises InputError where a class has no usable name."""
    for name in classes:
        if not name.strip() or "\n" in name or not name.isprintable() or name != name.strip():
            raise InputError(f"{name!r} is no name for a class; expected a short text.")
    pairs = [(name, source) for name, sources in classes.items() for source in sources]
    pairs += [(NONE, source) for source in none]
    return [(name, each if isinstance(each, Source) else str(each)) for name, each in pairs]


def read_label(
    index: EmbeddedIndex,
    reader: ExampleReader,
    sources: Sequence[ClassSource],
    *,
    kept: Sequence[Example],
    name: str,
    field: str,
    at_least: float,
) -> tuple[Label, tuple[SkippedExample, ...]]:
    """Read the examples of a label; return it with the pictures that were left out, and why.

    Args:
        sources: (class, source) pairs.
        kept: examples of before; what a source says of the same picture counts more.

    Raises:
        InputError: if a source gives no example, a picture was given for two classes, or a class is
            left without any.
        MissingError: if there is no such example.
    """
    read = [example for source in sources for example in reader.read(*source)]
    distinct, left_out = _distinct(read, reader.queries)
    examples = _joined(kept, distinct)
    found = dict.fromkeys(example.class_name for example in examples)
    for class_name, _ in sources:
        if class_name not in found:
            reasons = " ".join(note.reason for note in left_out[:_MOST_NAMED])
            raise InputError(
                f"Every example of {class_name or 'none'!r} is found by the query for another "
                "class as well. Make the queries differ: a query leaves pictures out by a minus, "
                f"as in +food -dog. {reasons}"
            )
    names = [*(each for each in found if each != NONE), *([NONE] if NONE in found else [])]
    if names == [NONE]:
        raise InputError("There is no example of any class; name one with --class.")
    label = Label(
        name, field, at_least, index.model_id, index.manifest.vocabulary_fingerprint,
        tuple(names), tuple(examples), _index_mean(index),
    )  # fmt: skip
    return label, (*reader.skipped, *left_out)


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


def _index_mean(index: EmbeddedIndex) -> tuple[Any, Any]:
    """Return term ids and weights of the mean of an index's vectors, each of length 1."""
    chunks = (chunk.vectors for chunk in read_documents(index))
    mean_V = mean_of(chunks, len(index.vocabulary))
    term_ids = np.flatnonzero(mean_V).astype(np.int32)
    return term_ids, mean_V[term_ids].astype(np.float32)
