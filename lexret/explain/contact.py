"""A contact sheet: many pictures of an index, each with its words, or with why it was found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.query import Query
from lexret.errors import CorruptError
from lexret.explain.answers import Answer, ExplainingIndex, answer
from lexret.explain.contributions import Contribution
from lexret.explain.ranks import RankWithout, rank_without
from lexret.files.names import name_to_text, strict_json, text_to_name
from lexret.sparse import LexicalVector, WordWeight

FORMAT: Final = "lexret-contact-sheet"
VERSION: Final = 1
NUM_WORDS: Final = 24
NUM_RANKS: Final = 5
_MAX_RANK: Final = 1000


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """One picture of a contact sheet.

    Attributes:
        doc_id: the picture.
        words: its strongest words by falling weight.
        answer: why it was found, where a query was asked.
        ranks: where it would stand without each of the words that add most.
    """

    doc_id: str
    words: tuple[WordWeight, ...]
    answer: Answer | None = None
    ranks: tuple[RankWithout, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """Pictures of an index; with them it can be drawn again, without index and model.

    Attributes:
        title: the query, or the name of the collection.
        model_id: the model that made the index.
        num_pictures: how many the index holds.
        entries: those on the sheet.
        has_query: whether the title is a query.
    """

    title: str
    model_id: str
    num_pictures: int
    entries: tuple[ContactEntry, ...]
    has_query: bool = False


def sheet_of_index(index: EmbeddedIndex, doc_ids: Iterable[str], *, title: str) -> ContactSheet:
    """Return a sheet of some pictures of an index and their words.

    Raises:
        MissingError: if one of them is not in the index.
    """
    entries = tuple(ContactEntry(one, tuple(index.vector(one).words(NUM_WORDS))) for one in doc_ids)
    return ContactSheet(title, index.model_id, len(index), entries)


def sheet_of_hits(
    index: EmbeddedIndex, query: LexicalVector | Query, *, title: str, k: int
) -> ContactSheet:
    """Search an index and return a sheet of the hits and why they were found.

    Raises:
        MismatchError: if the query is of another vocabulary.
        InputError: if ``k`` is less than 1.
    """
    entries = tuple(
        ContactEntry(
            one.doc_id,
            tuple(index.vector(one.doc_id).words(NUM_WORDS)),
            one,
            ranks_of(index, query, one),
        )
        for one in answer(index, query, k=k)
    )
    return ContactSheet(title, index.model_id, len(index), entries, has_query=True)


def ranks_of(
    index: ExplainingIndex, query: LexicalVector | Query, one: Answer, *, num_words: int = NUM_RANKS
) -> tuple[RankWithout, ...]:
    """Return where a hit would stand without each of the words that add most to its score."""
    return tuple(
        rank_without(index, query, one.doc_id, word.word, max_rank=_MAX_RANK)
        for word in one.words[:num_words]
    )


def sheet_to_json(sheet: ContactSheet) -> str:
    """Return a sheet as indented JSON: everything needed to draw it again, apart from photos."""
    plain = asdict(sheet)
    for entry, told in zip(sheet.entries, plain["entries"], strict=True):
        told["doc_id"] = name_to_text(entry.doc_id)
        if entry.answer is not None:
            told["answer"]["doc_id"] = told["doc_id"]
            del told["answer"]["asked"]
            told["answer"]["missing"] = [asdict(one) for one in entry.answer.missing]
    return strict_json({"format": FORMAT, "version": VERSION, **plain}, indent=1) + "\n"


def sheet_from_json(text: str) -> ContactSheet:
    """Read what :func:`sheet_to_json` wrote.

    Raises:
        CorruptError: if the text is not such JSON or of an unknown version.
    """
    try:
        plain = json.loads(text)
        found = (plain["format"], plain["version"])
        if found != (FORMAT, VERSION):
            raise CorruptError(f"Expected {FORMAT} version {VERSION}; found {found}.")
        return ContactSheet(
            plain["title"],
            plain["model_id"],
            plain["num_pictures"],
            tuple(_entry(one) for one in plain["entries"]),
            plain["has_query"],
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, CorruptError):
            raise
        raise CorruptError(f"This is not a complete {FORMAT}: {error!r}.") from error


def _entry(plain: dict[str, Any]) -> ContactEntry:
    found = plain["answer"]
    why = None
    if found is not None:
        words = tuple(Contribution(**one) for one in found["words"])
        missing = _words(found["missing"])
        why = Answer(text_to_name(found["doc_id"]), found["score"], found["rank"], words, missing)
    ranks = tuple(RankWithout(**one) for one in plain["ranks"])
    return ContactEntry(text_to_name(plain["doc_id"]), _words(plain["words"]), why, ranks)


def _words(plain: list[dict[str, Any]]) -> tuple[WordWeight, ...]:
    return tuple(WordWeight(**one) for one in plain)
