"""Contact sheets: many pictures of an index, each with its words, or with the reasons for a hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.query import Query
from lexret.errors import CorruptError
from lexret.explain.answers import Answer, ExplainingIndex, answer
from lexret.explain.contributions import Contribution
from lexret.explain.ranks import RankWithout, rank_without
from lexret.files.names import name_to_text, strict_json, text_to_name
from lexret.files.text import parse_json
from lexret.sparse import LexicalVector, WordWeight

CopiesOf = Callable[[str], tuple[str, ...]]
SureOf = Callable[[str], bool | None]

FORMAT: Final = "lexret-contact-sheet"
VERSION: Final = 1
NUM_WORDS: Final = 24
NUM_RANKS: Final = 5
_MAX_RANK: Final = 1000


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """Entry of a contact sheet: one picture.

    Attributes:
        doc_id: the picture.
        words: its strongest words by falling weight.
        answer: the reasons for the hit, if there was a query.
        ranks: its ranks without each of the words that add most to its score.
        copies: other pictures of the same file, which it stands for.
        sure: whether the hit is surely what was asked for; ``None`` where nothing tells that.
    """

    doc_id: str
    words: tuple[WordWeight, ...]
    answer: Answer | None = None
    ranks: tuple[RankWithout, ...] = ()
    copies: tuple[str, ...] = ()
    sure: bool | None = None


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """Contact sheet: everything needed to draw it again, apart from the photos.

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

    @property
    def num_sure(self) -> int | None:
        """How many entries come before those that are less sure, ``None`` where nothing tells."""
        if all(entry.sure is None for entry in self.entries):
            return None
        return max((place for place, entry in enumerate(self.entries, 1) if entry.sure), default=0)


def _none(_doc_id: str) -> tuple[str, ...]:
    return ()


def _unknown(_doc_id: str) -> None:
    return None


def sheet_of_index(
    index: EmbeddedIndex, doc_ids: Iterable[str], *, title: str, copies_of: CopiesOf = _none
) -> ContactSheet:
    """Return a contact sheet of some pictures of an index and their words.

    Args:
        copies_of: returns the other pictures of the same file that each stands for.

    Raises:
        MissingError: if one of them is not in the index.
    """
    entries = tuple(
        ContactEntry(doc_id, tuple(index.vector(doc_id).words(NUM_WORDS)), copies=copies_of(doc_id))
        for doc_id in doc_ids
    )
    return ContactSheet(title, index.model_id, len(index), entries)


def sheet_of_hits(
    index: EmbeddedIndex,
    query: LexicalVector | Query,
    *,
    title: str,
    k: int,
    searched: ExplainingIndex | None = None,
    copies_of: CopiesOf = _none,
    sure_of: SureOf = _unknown,
) -> ContactSheet:
    """Search an index and return a contact sheet of the hits and the reasons for them.

    Sure hits come first, then the others, both by falling score.

    Args:
        searched: what is searched; by default the index itself.
        copies_of: returns the other pictures of the same file that a hit stands for.
        sure_of: returns whether a hit is a sure match; None if that is unknown.

    Raises:
        MismatchError: if the query is of another vocabulary.
        InputError: if ``k`` is less than 1.
    """
    searched = index if searched is None else searched
    entries = [
        ContactEntry(
            hit.doc_id,
            tuple(index.vector(hit.doc_id).words(NUM_WORDS)),
            hit,
            ranks_of(searched, query, hit),
            copies_of(hit.doc_id),
            sure_of(hit.doc_id),
        )
        for hit in answer(searched, query, k=k)
    ]
    entries.sort(key=lambda entry: entry.sure is False)
    return ContactSheet(title, index.model_id, len(index), tuple(entries), has_query=True)


def ranks_of(
    index: ExplainingIndex, query: LexicalVector | Query, hit: Answer, *, num_words: int = NUM_RANKS
) -> tuple[RankWithout, ...]:
    """Return a hit's ranks without each of the words that add most to its score."""
    return tuple(
        rank_without(index, query, hit.doc_id, word.word, max_rank=_MAX_RANK)
        for word in hit.words[:num_words]
    )


def sheet_to_json(sheet: ContactSheet) -> str:
    """Return a contact sheet as indented JSON: all but the photos to draw it again."""
    plain = asdict(sheet)
    for entry, plain_entry in zip(sheet.entries, plain["entries"], strict=True):
        plain_entry["doc_id"] = name_to_text(entry.doc_id)
        plain_entry["copies"] = [name_to_text(copy) for copy in entry.copies]
        if entry.answer is not None:
            plain_entry["answer"]["doc_id"] = plain_entry["doc_id"]
            del plain_entry["answer"]["asked"]
            plain_entry["answer"]["missing"] = [asdict(word) for word in entry.answer.missing]
    return strict_json({"format": FORMAT, "version": VERSION, **plain}, indent=1) + "\n"


def sheet_from_json(text: str) -> ContactSheet:
    """Read what :func:`sheet_to_json` wrote.

    Raises:
        CorruptError: if the text is not such JSON or of an unknown version.
    """
    try:
        plain = parse_json(text)
        found = (plain["format"], plain["version"])
        if found != (FORMAT, VERSION):
            raise CorruptError(f"Expected {FORMAT} version {VERSION}; found {found}.")
        return ContactSheet(
            plain["title"],
            plain["model_id"],
            plain["num_pictures"],
            tuple(_entry(entry) for entry in plain["entries"]),
            plain["has_query"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, CorruptError):
            raise
        raise CorruptError(f"This is not a complete {FORMAT}: {error!r}.") from error


def _entry(plain: dict[str, Any]) -> ContactEntry:
    found = plain["answer"]
    why = None
    if found is not None:
        words = tuple(Contribution(**word) for word in found["words"])
        missing = _words(found["missing"])
        why = Answer(text_to_name(found["doc_id"]), found["score"], found["rank"], words, missing)
    ranks = tuple(RankWithout(**rank) for rank in plain["ranks"])
    copies = tuple(map(text_to_name, plain.get("copies", ())))  # a sheet of before has none
    return ContactEntry(
        text_to_name(plain["doc_id"]),
        _words(plain["words"]),
        why,
        ranks,
        copies,
        plain.get("sure"),  # likewise
    )


def _words(plain: list[dict[str, Any]]) -> tuple[WordWeight, ...]:
    return tuple(WordWeight(**word) for word in plain)
