"""Routes of the whole library, and of what it knows of one picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import numpy as np
from fastapi import FastAPI, Query

from lexret.engine.index import EmbeddedIndex
from lexret.engine.store.columns import FieldValue
from lexret.errors import MissingPackageError
from lexret.files.names import name_to_text, shown_line, whole_text
from lexret.library.asking.question import Understood
from lexret.library.browsing.overview import CountedWord
from lexret.library.library import Library
from lexret.library.snapshots import Snapshot
from lexret.serve import library_schema as shapes
from lexret.serve.caches import Remember, remembering
from lexret.serve.parameters import Box, Copies, Id, Image, Like, Text
from lexret.serve.schema import MAX_COPIES, Copy
from lexret.serve.settings import ServeSettings
from lexret.vocabulary import STOP_WORDS

MAX_PICTURES: Final = 500
_NUM_WORDS: Final = 60
_NUM_CAMERAS: Final = 100
_NUM_PLACES: Final = 2000
_NUM_TOWNS: Final = 500
_LONGEST_WORD: Final = 64
_MOST_UNKNOWN: Final = 5

Understand = Callable[[Snapshot, str, str | None, str | None, str | None], Understood]


class LibraryRoutes:
    """The functions behind these addresses.

    Args:
        understand: makes the query that a request asks for.
    """

    def __init__(self, library: Library, settings: ServeSettings, understand: Understand) -> None:
        self._library, self._settings, self._understand = library, settings, understand
        self._overviews: Remember[shapes.Overview] = remembering(2)
        self._timelines: Remember[shapes.Timeline] = remembering(2)
        self._places: Remember[shapes.Places] = remembering(2)
        self._narrowings: Remember[shapes.Narrowing] = remembering(256)

    def add_to(self, app: FastAPI) -> None:
        """Add them to an application."""
        app.get("/api/overview", summary="What there is in the library")(self.overview)
        app.get("/api/timeline", summary="All pictures by date")(self.timeline)
        app.get("/api/timeline/pictures", summary="Some pictures of the timeline")(self.pictures)
        app.get("/api/timeline/place", summary="Where a picture stands in it")(self.place)
        app.get("/api/narrow", summary="Words that narrow a result")(self.narrow)
        app.get("/api/unknown", summary="Words that the vocabulary lacks")(self.unknown)
        app.get("/api/details", summary="What the index knows of a picture")(self.details)
        app.get("/api/places", summary="Where pictures were taken")(self.places)

    def overview(self) -> shapes.Overview:
        snapshot = self._library.snapshot()

        def look() -> shapes.Overview:
            from lexret.library.browsing.overview import cameras, examples, places

            index, words = snapshot.index, self._library.strongest_words(_NUM_WORDS, snapshot)
            levels_V = self._library.encoders(snapshot).levels_V()
            return shapes.Overview(
                commit=index.manifest.generation,
                pictures=len(index),
                words=_counted(words),
                examples=examples(index, words, levels_V),
                cameras=_counted(cameras(index, k=_NUM_CAMERAS)),
                located=len(places(index)),
            )

        return self._overviews(_key(snapshot), look)

    def timeline(self, copies: Copies = False) -> shapes.Timeline:
        snapshot = self._library.snapshot()

        def look() -> shapes.Timeline:
            line = self._library.timeline(snapshot, copies=copies)
            heights_N = np.maximum(line.heights_N, 1)
            return shapes.Timeline(
                commit=snapshot.index.manifest.generation,
                months=[
                    shapes.Month(month=one.month, pictures=one.num_pictures,
                                 by_file=one.num_by_file)
                    for one in line.months()
                ],
                ratios=np.round(100 * line.widths_N / heights_N).astype(int).tolist(),
            )  # fmt: skip

        return self._timelines((_key(snapshot), copies), look)

    def pictures(
        self,
        start: Annotated[int, Query(ge=0, le=2**40)] = 0,
        count: Annotated[int, Query(ge=1, le=MAX_PICTURES)] = 100,
        copies: Copies = False,
    ) -> shapes.TimelinePictures:
        snapshot = self._library.snapshot()
        return shapes.TimelinePictures(
            commit=snapshot.index.manifest.generation,
            start=start,
            pictures=[
                shapes.TimelinePicture(
                    id=name_to_text(one.doc_id),
                    name=shown_line(one.doc_id),
                    date=one.date,
                    by_file=one.by_file,
                    num_copies=one.num_copies,
                )
                for one in self._library.timeline(snapshot, copies=copies).pictures(start, count)
            ],
        )

    def place(self, id: Id, copies: Copies = False) -> shapes.TimelinePlace:  # noqa: A002
        snapshot = self._library.snapshot()
        return shapes.TimelinePlace(
            commit=snapshot.index.manifest.generation,
            place=self._library.timeline(snapshot, copies=copies).place_of(id),
        )

    def narrow(
        self,
        q: Text = "",
        image: Image = None,
        like: Like = None,
        box: Box = None,
        k: Annotated[int, Query(ge=1, le=30)] = 10,
    ) -> shapes.Narrowing:
        snapshot = self._library.snapshot()

        def look() -> shapes.Narrowing:
            understood = self._understand(snapshot, q, image, like, box)
            return shapes.Narrowing(
                commit=snapshot.index.manifest.generation,
                words=[
                    shapes.NarrowingWord(word=one.word, hits=one.num_hits)
                    for one in self._library.narrow(understood, snapshot, k=k)
                ],
            )

        return self._narrowings((_key(snapshot), q, image, like, box, k), look)

    def unknown(self, q: Annotated[str, Query(max_length=2000)]) -> shapes.UnknownWords:
        vocabulary = self._library.snapshot().index.vocabulary
        words = [word for word in dict.fromkeys(vocabulary.match(q)[1])
                 if word not in STOP_WORDS and len(word) > 1]  # fmt: skip
        return shapes.UnknownWords(
            words=[
                shapes.UnknownWord(
                    word=word, nearest=list(vocabulary.nearest(word[:_LONGEST_WORD], num_words=4))
                )
                for word in words[:_MOST_UNKNOWN]
            ]
        )

    def details(self, id: Id) -> shapes.Details:  # noqa: A002
        found = self._library.details(id)
        return shapes.Details(
            id=name_to_text(found.doc_id),
            name=shown_line(found.doc_id),
            path=whole_text(str(found.path)) if self._settings.is_local else None,
            width=found.width,
            height=found.height,
            bytes=found.size,
            date=found.date,
            date_from=found.date_from,
            camera={name: _shown(value) for name, value in found.camera.items()},
            place=_near_town(found.camera),
            keywords=[whole_text(keyword) for keyword in found.keywords],
            fields={name: _shown(value) for name, value in found.fields.items()},
            words=[shapes.DetailWord(word=one.word, weight=one.weight, held=one.held)
                   for one in found.words],
            from_keywords=list(found.from_keywords),
            added=list(found.added),
            removed=list(found.removed),
            num_copies=len(found.copies),
            copies=[Copy(id=name_to_text(one.doc_id), name=shown_line(one.doc_id))
                    for one in found.copies[:MAX_COPIES]],
        )  # fmt: skip

    def places(self) -> shapes.Places:
        snapshot = self._library.snapshot()

        def look() -> shapes.Places:
            from lexret.library.browsing.overview import places

            near = Counter(
                (round(latitude, 2), round(longitude, 2))
                for latitude, longitude in places(snapshot.index)
            ).most_common(_NUM_PLACES)
            return shapes.Places(
                places=[
                    shapes.Place(latitude=latitude, longitude=longitude, pictures=number, name=name)
                    for ((latitude, longitude), number), name in zip(
                        near, _names([place for place, _ in near]), strict=True
                    )
                ],
                **_named_places(snapshot.index),
            )

        return self._places(_key(snapshot), look)


def _named_places(index: EmbeddedIndex) -> dict[str, Any]:
    """Return towns and countries of an index, or why there are none."""
    from lexret.library.places import counted_countries, counted_towns

    try:
        towns = [CountedWord(str(one.town), one.num_pictures) for one in counted_towns(index)]
        countries = counted_countries(index).most_common(_NUM_TOWNS)
    except MissingPackageError as error:
        return {"towns": [], "countries": [], "nameless": str(error)}
    return {
        "towns": _counted(towns[:_NUM_TOWNS]),
        "countries": _counted([CountedWord(name, count) for name, count in countries]),
        "nameless": None,
    }


def _near_town(camera: Mapping[str, FieldValue]) -> shapes.NearTown | None:
    from lexret.library.places import COORDINATES, place_of

    pair = [camera.get(name) for name in COORDINATES]
    if not isinstance(pair[0], int | float) or not isinstance(pair[1], int | float):
        return None
    try:
        found = place_of(float(pair[0]), float(pair[1]))
    except MissingPackageError:  # the overview says so
        return None
    if found is None:
        return None
    town = found.town
    return shapes.NearTown(
        name=town.name,
        region=town.region,
        country=town.country,
        query=str(town),
        distance_km=round(found.distance_km, 1),
    )


def _names(places: list[tuple[float, float]]) -> list[str | None]:
    from lexret.library.places import names_of

    try:
        pairs = np.array(places, np.float64).reshape(-1, 2)
        return names_of(pairs[:, 0], pairs[:, 1]) if places else []
    except MissingPackageError:  # the overview says so
        return [None] * len(places)


def _key(snapshot: Snapshot) -> tuple[object, ...]:
    """Return what tells one snapshot from another: it stays alive as long as it is kept."""
    return (snapshot,)


def _counted(words: list[CountedWord]) -> list[shapes.CountedWord]:
    return [shapes.CountedWord(word=whole_text(one.word), pictures=one.num_pictures)
            for one in words]  # fmt: skip


def _shown(value: FieldValue) -> int | float | str:
    return whole_text(value) if isinstance(value, str) else value if value is not None else ""
