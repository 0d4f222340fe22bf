"""The shapes of what the API tells of the whole library, and of a picture in it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lexret.serve.schema import FROM_KEYWORDS, ID, NAME, Copy

DATE = "To the second, in ISO 8601, by the camera's clock or that of the server."


class CountedWord(BaseModel):
    """A word, or a value of a field, and how many pictures hold it."""

    word: str
    pictures: int


class Overview(BaseModel):
    """What there is in the library."""

    commit: int
    pictures: int
    words: list[CountedWord] = Field(description="Those that most pictures are held to show.")
    examples: list[str] = Field(description="Queries that find something here.")
    cameras: list[CountedWord] = Field(description="Values of the filter `camera`.")
    located: int = Field(description="How many pictures tell where they were taken.")


class Month(BaseModel):
    """A month of the timeline."""

    month: str = Field(description="Such as 2024-06.")
    pictures: int
    by_file: int = Field(
        description="Of how many of them only the last change of the file tells the date."
    )


class Timeline(BaseModel):
    """All pictures, the latest first."""

    commit: int = Field(description="The commit of the index that this is of.")
    months: list[Month]
    ratios: list[int] = Field(
        description="Width over height of each picture, times 100; 0 where it is not known."
    )


class TimelinePicture(BaseModel):
    """A picture of the timeline."""

    id: str = Field(description=ID)
    name: str = Field(description=NAME)
    date: str = Field(description=DATE)
    by_file: bool = Field(description="It is the date of the file's last change.")
    num_copies: int = Field(description="How many other files of the same bytes it stands for.")


class TimelinePictures(BaseModel):
    """Some pictures of the timeline, in its order."""

    commit: int = Field(description="If it is not that of the timeline, ask for that anew.")
    start: int
    pictures: list[TimelinePicture]


class TimelinePlace(BaseModel):
    """Where a picture stands in the timeline."""

    commit: int = Field(description="If it is not that of the timeline, ask for that anew.")
    place: int | None = Field(description="Counted from 0; none where a copy stands for it.")


class NarrowingWord(BaseModel):
    """A word that narrows a result."""

    word: str
    hits: int = Field(description="How many of the hits that were looked at hold it.")


class Narrowing(BaseModel):
    """Words that many hits hold and few other pictures."""

    commit: int
    words: list[NarrowingWord]


class UnknownWord(BaseModel):
    """A word that the vocabulary lacks, and the nearest ones that it has."""

    word: str
    nearest: list[str]


class UnknownWords(BaseModel):
    """Words of a text that the vocabulary lacks."""

    words: list[UnknownWord]


class DetailWord(BaseModel):
    """A word of a picture."""

    word: str
    weight: float
    held: bool = Field(description="Whether the picture is held to show it.")


class NearTown(BaseModel):
    """The town in or near which a picture was taken."""

    name: str
    region: str = Field(description="The state, for the United States; else empty.")
    country: str
    query: str = Field(description="The value of the filter `place` that finds it.")
    distance_km: float = Field(description="How far its centre is.")


class Details(BaseModel):
    """What the index knows of a picture."""

    id: str = Field(description=ID)
    name: str = Field(description=NAME)
    path: str | None = Field(description="On this machine; null where that is not to be told.")
    width: int | None
    height: int | None
    bytes: int | None = Field(description="Of the file.")
    date: str | None = Field(description=DATE)
    date_from: str = Field(description="exif, exif_changed, xmp, iptc, or file: its last change.")
    camera: dict[str, int | float | str] = Field(
        description="What the camera wrote: camera, lens, iso, exposure_s, f_number, focal_mm, "
        "latitude, longitude."
    )
    place: NearTown | None = Field(
        description="Null where no town is within 100 km, nothing tells where it was taken, or "
        "names of places are not installed."
    )
    keywords: list[str]
    fields: dict[str, int | float | str] = Field(description="Those that somebody gave it.")
    words: list[DetailWord] = Field(description="The surest first.")
    from_keywords: list[str] = Field(description=FROM_KEYWORDS)
    added: list[str] = Field(description="Words that somebody added by hand.")
    removed: list[str] = Field(description="Words that somebody took away.")
    num_copies: int
    copies: list[Copy]


class Place(BaseModel):
    """Where some pictures were taken, in degrees."""

    latitude: float
    longitude: float
    pictures: int
    name: str | None = Field(description="The nearest town, where that is known.")


class Places(BaseModel):
    """Where pictures were taken, those near each other as one."""

    places: list[Place]
    towns: list[CountedWord] = Field(description="Values of the filter `place`: towns.")
    countries: list[CountedWord] = Field(description="Values of the filter `place`: countries.")
    nameless: str | None = Field(
        description="Why places have no names; null where they have, or there are none."
    )
