"""Pictures with captions from image retrieval tasks of the optional package ``mteb``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lexret.captions.caption_set import check_captions, first_few
from lexret.captions.datasets_package import IMAGE_COLUMN, DatasetCaptions
from lexret.errors import InputError, MissingPackageError

TEXT_COLUMN: Final = "text"
_SUBSET: Final = "default"


def open_task(source: str) -> DatasetCaptions:
    """Open ``TASK[:SPLIT]``: a task of MTEB between pictures and texts, by its name there.

    The pictures are all of the task's, each with the texts that are relevant to it, so that recall
    is over the same pictures and texts as MTEB's, in both directions.

    Raises:
        MissingPackageError: if the package ``mteb`` is not installed.
        InputError: if there is no such task or split, it cannot be loaded, or it is not of the form
            that lexret measures: one or more texts for each picture, one picture for each text.
    """
    try:
        import mteb
    except ImportError as error:
        raise MissingPackageError(
            f"Reading mteb:{source} needs the package mteb: pip install mteb"
        ) from error
    import datasets

    name, _, split = source.partition(":")
    data, split = _load(mteb, name, split)
    pictures, texts, pairs = _sides(data, name)
    captions = _captions(pictures, texts, pairs, f"mteb:{name}:{split}")
    images = pictures.select_columns([IMAGE_COLUMN])
    images = images.cast_column(IMAGE_COLUMN, datasets.Image(decode=False))
    return DatasetCaptions(images, captions, split=f"{name}:{split}")


def _load(mteb: Any, name: str, split: str) -> tuple[Mapping[str, Any], str]:
    """Return corpus, queries and relevance of a task's split, and the split's name."""
    try:
        task = mteb.get_task(name)
    except KeyError as error:
        raise InputError(f"MTEB has no task {name!r}: {error.args[0]}") from error
    splits = list(task.metadata.eval_splits)
    split = split or splits[0]
    if split not in splits:
        raise InputError(f"The task {name} has no split {split!r}; it has {splits}.")
    try:
        task.load_data()
    except Exception as error:  # whatever the loaders of a hundred tasks raise
        raise InputError(
            f"The task {name} could not be loaded: {type(error).__name__}: {error}"
        ) from error
    subsets = getattr(task, "dataset", None)
    if not isinstance(subsets, Mapping) or _SUBSET not in subsets:
        found = sorted(subsets) if isinstance(subsets, Mapping) else type(task).__name__
        raise InputError(
            f"The task {name} is no retrieval task of one set of pictures and texts: {found}."
        )
    data: Mapping[str, Any] = subsets[_SUBSET][split]
    return data, split


def _sides(data: Mapping[str, Any], name: str) -> tuple[Any, Any, list[tuple[str, str]]]:
    """Return a task's pictures, its texts, and pairs of the ids of a picture and its text."""
    corpus, queries = data["corpus"], data["queries"]
    pairs = [
        (query, document)
        for query, scores in data["relevant_docs"].items()
        for document, score in scores.items()
        if score > 0
    ]
    if _is_of(corpus, IMAGE_COLUMN) and _is_of(queries, TEXT_COLUMN):
        return corpus, queries, [(document, query) for query, document in pairs]
    if _is_of(queries, IMAGE_COLUMN) and _is_of(corpus, TEXT_COLUMN):
        return queries, corpus, pairs
    raise InputError(
        f"The task {name} has {corpus.column_names} to find and {queries.column_names} to ask "
        f"with; expected pictures ({IMAGE_COLUMN!r}) on one side and texts ({TEXT_COLUMN!r}) on "
        "the other."
    )


def _is_of(rows: Any, column: str) -> bool:
    other = {IMAGE_COLUMN: TEXT_COLUMN, TEXT_COLUMN: IMAGE_COLUMN}[column]
    return column in rows.column_names and other not in rows.column_names


def _captions(
    pictures: Any, texts: Any, pairs: list[tuple[str, str]], place: str
) -> list[tuple[str, ...]]:
    """Return the texts of each picture, in the texts' order.

    Raises:
        InputError: if a picture has none, or a text belongs to several pictures or to none.
    """
    picture_of: dict[str, str] = {}
    for picture, text in pairs:
        if picture_of.setdefault(text, picture) != picture:
            raise InputError(
                f"{place}: the text {text!r} belongs to several pictures; lexret measures sets "
                "where each text belongs to one."
            )
    found: dict[str, list[str]] = {picture: [] for picture in pictures["id"]}
    for text, words in zip(texts["id"], texts[TEXT_COLUMN], strict=True):
        if picture_of.get(text) not in found:
            raise InputError(f"{place}: the text {text!r} belongs to no picture of the task.")
        found[picture_of[text]].append(words)
    bare = [picture for picture, words in found.items() if not words]
    if bare:
        raise InputError(
            f"{place}: {len(bare):,} of {len(found):,} pictures have no text ({first_few(bare)}). "
            "Without them the figures would not be the task's, so it is not read."
        )
    expected = "expected one or more texts"
    return [check_captions(words, f"{place}, {name}", expected) for name, words in found.items()]
