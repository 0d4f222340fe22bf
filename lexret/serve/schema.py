"""The shapes of what the API answers; FastAPI makes its OpenAPI description of them."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from lexret.explain.contributions import Contribution

ID: Final = (
    "The picture's path relative to the indexed folder. Where it is not UTF-8, or begins with "
    "'bytes:': 'bytes:' and the path's bytes, percent-encoded."
)
FROM_KEYWORDS: Final = "Those of its words that a person vouched for by a keyword of the photo."
MAX_COPIES: Final = 100
NAME: Final = "The same to show to people: what cannot be shown on one line is replaced."


class IndexInfo(BaseModel):
    """What is served."""

    pictures: int = Field(description="How many pictures the index holds.")
    words: int = Field(description="How many words its vocabulary has.")
    model: str
    commit: int = Field(description="Number of the commit; it rises with every change.")
    fields: dict[str, str] = Field(description="Fields to filter by, and their types.")
    muted: list[str] = Field(description="Words that are muted: they count nowhere.")
    max_upload_bytes: int
    allow_write: bool = Field(description="Whether changes are allowed to who knows the token.")
    originals: bool = Field(description="Whether files themselves are given at /original.")
    can_show_in_folder: bool = Field(description="Whether a picture can be shown in its folder.")
    root: str | None = Field(
        description="The folder that ids are relative to; null where that is not to be told."
    )


class Words(BaseModel):
    """Words of the vocabulary."""

    words: list[str]
    pictures: list[int] = Field(description="How many pictures are held to show each of them.")


class QueryWord(BaseModel):
    """A word that is looked for."""

    word: str
    weight: float
    typed: bool = Field(description="False: it was added by meaning.")


class WordWeight(BaseModel):
    """A word and its weight."""

    word: str
    weight: float


class Copy(BaseModel):
    """Another file of the same bytes."""

    id: str = Field(description=ID)
    name: str = Field(description=NAME)


class Hit(BaseModel):
    """A picture that was found; the products of its words add up to its score."""

    id: str = Field(description=ID)
    name: str = Field(description=NAME)
    rank: int
    score: float
    sure: bool | None = Field(
        default=None, description="Whether it surely shows what was asked for; null: not judged."
    )
    words: list[Contribution]
    from_keywords: list[str] = Field(description=FROM_KEYWORDS)
    width: int | None = Field(description="Of the upright picture, in pixels.")
    height: int | None = Field(description="Likewise.")
    num_copies: int = Field(description="How many other files of the same bytes fit as well.")
    copies: list[Copy] = Field(description=f"The first {MAX_COPIES} of them.")


class SearchAnswer(BaseModel):
    """What was found, the best first."""

    query: str
    commit: int = Field(description="The commit of the index that was searched.")
    pictures: int
    notes: list[str] = Field(description="Such as words that the vocabulary lacks.")
    seconds: float
    more: bool = Field(description="Whether more pictures fit.")
    query_words: list[QueryWord] = Field(
        description="What was understood: the words that were typed, then those added by meaning."
    )
    hits: list[Hit]


class SeenWord(BaseModel):
    """A word of a picture, and where it was seen.

    `heat` holds its weight in every patch, row by row; `patch` is the row and column of the
    highest. Words that people added, by hand or as keywords, may be seen nowhere: both are null.
    """

    word: str
    weight: float
    patch: tuple[int, int] | None
    heat: list[list[float]] | None


class MatchedWord(BaseModel):
    """What a word adds, the product of its two weights, and what the hit would be without it."""

    word: str
    query_weight: float
    image_weight: float
    product: float
    rank_without: str = Field(description="A rank, such as 3; 'no hit'; or, such as '>1000'.")


class PlacedWord(BaseModel):
    """A word of a cloud: where its base line begins, in pixels of the cloud's own size."""

    word: str
    weight: float
    x: float
    y: float
    size: int = Field(
        description="Of the letters, in pixels; proportional to the weight, or to half of it for a "
        "word that the picture is not held to show."
    )
    length: float = Field(description="How wide the word is, in pixels.")
    colour: int = Field(description="Number of its colour, from 0 to 7; the page has the colours.")
    held: bool = Field(description="Whether the picture is held to show it.")


class Cloud(BaseModel):
    """A word cloud, laid out."""

    width: int
    height: int
    words: list[PlacedWord]


class Region(BaseModel):
    """A part of a picture: its patches as (row, column), and what it says."""

    name: str
    patches: list[tuple[int, int]]
    words: list[WordWeight]
    cloud: Cloud


class RelevantPatch(BaseModel):
    """A patch that answers the query."""

    patch: tuple[int, int]
    score: float
    words: list[Contribution]


class Explanation(BaseModel):
    """Why a picture was found, and what it says."""

    id: str = Field(description=ID)
    name: str = Field(description=NAME)
    width: int
    height: int
    rows: int = Field(description="Of the grid of patches.")
    cols: int
    fields: dict[str, int | float | str] = Field(description="What the index knows of the file.")
    words: list[SeenWord]
    from_keywords: list[str] = Field(description=FROM_KEYWORDS)
    cloud: Cloud
    regions: list[Region]
    score: float | None = Field(description="Null where no query was given.")
    matched: list[MatchedWord]
    missing: list[WordWeight]
    patches: list[RelevantPatch] = Field(description="Those that answer the query best.")


class UploadedPicture(BaseModel):
    """A picture to search by."""

    key: str = Field(description="Name it as `image` in a search.")
    width: int
    height: int


class Size(BaseModel):
    """How large an upright picture is, in pixels."""

    name: str = Field(description=NAME)
    width: int
    height: int


class Problem(BaseModel):
    """Why a request was not answered."""

    error: str
    start: int | None = Field(None, description="Where in the query the problem begins.")
    end: int | None = Field(None, description="Where it ends.")


class RelaxedQuery(BaseModel):
    """A query without some of its conditions."""

    query: str
    left_out: list[str] = Field(description="The conditions, as they were written.")
    hits: int = Field(description="How many pictures it finds, copies counting as one.")
    more: bool = Field(description="Whether it finds more than these.")


class RelaxedQueries(BaseModel):
    """What would be found without one condition, or else without any; the fewest hits first."""

    queries: list[RelaxedQuery]
