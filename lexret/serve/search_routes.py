"""Routes of searches: what is served, hits, words to complete, and why a picture was found."""

from __future__ import annotations

import os
import threading
import time
from typing import Annotated, Final

from fastapi import FastAPI, Query

from lexret.errors import InputError
from lexret.files.names import name_to_text, shown_line, whole_text
from lexret.library.asking.query_fields import PICTURE_FIELDS
from lexret.library.asking.query_words import query_words
from lexret.library.asking.question import Understood
from lexret.library.asking.results import Hit
from lexret.library.browsing.timeline import sizes_of
from lexret.library.library import Library
from lexret.library.snapshots import Snapshot
from lexret.pictures.boxes import parse_box
from lexret.serve import schema
from lexret.serve.explaining import Explaining
from lexret.serve.limits import HeavyWork
from lexret.serve.originals import can_reveal
from lexret.serve.parameters import Box, Copies, Id, Image, Like, Text
from lexret.serve.picture_routes import check_side
from lexret.serve.pictures import Uploads
from lexret.serve.questions import Understanding
from lexret.serve.settings import ServeSettings
from lexret.serve.thumbnail_maker import FirstHits

NUM_ADDED_WORDS: Final = 12
NUM_FIRST_HITS: Final = 6


class SearchRoutes:
    """The functions behind these routes.

    Args:
        uploads: pictures that were sent, which a query may name.
        heavy: lets in few at a time of what takes a core.
        first_hits: makes the thumbnails of the first hits while the answer is on its way.
    """

    def __init__(
        self,
        library: Library,
        settings: ServeSettings,
        uploads: Uploads,
        heavy: HeavyWork,
        first_hits: FirstHits,
    ) -> None:
        self._library, self._settings, self._first_hits = library, settings, first_hits
        # More threads than cores would only take the interpreter's lock from one another.
        self._searching = threading.BoundedSemaphore(os.cpu_count() or 1)
        links = settings.allow_links
        self._questions = Understanding(library, uploads, heavy, allow_links=links)
        self._explaining = Explaining(library, heavy, allow_links=links)

    def add_to(self, app: FastAPI) -> None:
        """Add them to the application."""
        app.get("/api/index", summary="What is served")(self.info)
        app.get("/api/complete", summary="Words that go on from some letters")(self.complete)
        app.get("/api/search", summary="Find pictures")(self.search)
        app.get("/api/relax", summary="What would be found without a condition")(self.relax)
        app.get("/api/explain", summary="Why a picture was found, and what it says")(self.explain)
        app.get("/api/region", summary="What a part of a picture says")(self.region)

    def info(self) -> schema.IndexInfo:
        index = self._library.snapshot().index
        return schema.IndexInfo(
            pictures=len(index),
            words=index.manifest.num_words,
            model=index.model_id,
            commit=index.manifest.generation,
            fields=_filter_fields(index.columns),
            muted=sorted(index.corrections.muted),
            max_upload_bytes=self._settings.max_upload_bytes,
            allow_write=self._settings.allow_write,
            originals=self._settings.gives_originals,
            can_show_in_folder=can_reveal(self._settings),
            root=self._root(),
        )

    def _root(self) -> str | None:
        folders = self._library.snapshot().folders
        return whole_text(str(folders[0].path)) if folders and self._settings.is_local else None

    def complete(
        self,
        prefix: Annotated[str, Query(max_length=100)],
        k: Annotated[int, Query(ge=1, le=50)] = 10,
    ) -> schema.Words:
        found = self._library.complete(prefix, k=k)
        return schema.Words(
            words=[word.word for word in found], pictures=[word.num_pictures for word in found]
        )

    def search(
        self,
        q: Text = "",
        k: Annotated[int, Query(ge=1)] = 30,
        image: Image = None,
        like: Like = None,
        box: Box = None,
        copies: Copies = False,
        start: Annotated[int, Query(ge=0, description="Leave out so many better hits.")] = 0,
        words: Annotated[
            int | None, Query(ge=1, description="At most so many words of each hit; else all.")
        ] = None,
        ahead: Annotated[
            int | None, Query(description="Begin to make pictures of the first hits in this side.")
        ] = None,
    ) -> schema.SearchAnswer:
        started = time.perf_counter()
        self._check_limits(k, start, ahead)
        snapshot = self._library.snapshot()
        understood = self.understand(snapshot, q, image, like, box)
        with self._searching:
            results = self._library.find(understood, snapshot, k=k, copies=copies, start=start)
        if ahead is not None:
            as_shown = sorted(results, key=lambda hit: hit.sure is False)  # the sure ones first
            first = [hit.doc_id for hit in as_shown[:NUM_FIRST_HITS]]
            self._first_hits.begin(snapshot, first, ahead)
        sizes = sizes_of(snapshot.index, [hit.doc_id for hit in results])
        return schema.SearchAnswer(
            query=q,
            commit=snapshot.index.manifest.generation,
            pictures=len(snapshot.index),
            notes=[whole_text(note) for note in results.notes],
            seconds=time.perf_counter() - started,
            more=results.more,
            query_words=[
                schema.QueryWord(word=word.word, weight=word.weight, typed=word.typed)
                for word in query_words(understood, snapshot.index.vocabulary, k=NUM_ADDED_WORDS)
            ],
            hits=[_shown_hit(hit, sizes[hit.doc_id], num_words=words) for hit in results],
        )

    def _check_limits(self, k: int, start: int, ahead: int | None) -> None:
        """Raise InputError where more is asked for than the server gives."""
        if ahead is not None:
            check_side(ahead)
        if k > self._settings.max_hits:
            raise InputError(f"At most {self._settings.max_hits} hits can be asked for; found {k}.")
        if start > self._settings.max_start:
            raise InputError(f"At most {self._settings.max_start:,} hits can be left out; found "
                             f"{start:,}.")  # fmt: skip

    def relax(
        self, q: Text = "", image: Image = None, like: Like = None, box: Box = None
    ) -> schema.RelaxedQueries:
        self._check_length(q)
        with self._searching:
            found = self._questions.relax(
                q,
                self._library.snapshot(),
                image=image or None,
                like=like or None,
                box=parse_box(box) if box else None,
            )
        return schema.RelaxedQueries(
            queries=[
                schema.RelaxedQuery(query=query.text, left_out=list(query.left_out),
                                    hits=query.num_hits, more=query.more)
                for query in found
            ]
        )  # fmt: skip

    def explain(
        self,
        id: Id,  # noqa: A002
        q: Text = "",
        image: Image = None,
        like: Like = None,
        box: Box = None,
        parts: Annotated[int, Query(ge=1, le=12)] = 4,
        copies: Copies = False,
    ) -> schema.Explanation:
        snapshot = self._library.snapshot()
        asked = bool(q.strip() or image or like)
        query = self.understand(snapshot, q, image, like, box).query if asked else None
        return self._explaining.explain(id, query, snapshot, num_parts=parts, copies=copies)

    def region(
        self,
        id: Id,  # noqa: A002
        patch: Annotated[str | None, Query(pattern=r"^\d{1,4},\d{1,4}$")] = None,
        box: Box = None,
    ) -> schema.Region:
        place = None if patch is None else tuple(map(int, patch.split(",")))
        return self._explaining.region(
            id,
            self._library.snapshot(),
            patch=None if place is None else (place[0], place[1]),
            box=parse_box(box) if box else None,
        )

    def understand(
        self, snapshot: Snapshot, q: str, image: str | None, like: str | None, box: str | None
    ) -> Understood:
        """Return what the parameters of a request ask for; raises LexretError."""
        self._check_length(q)
        return self._questions.understand(
            q,
            snapshot,
            image=image or None,
            like=like or None,
            box=parse_box(box) if box else None,
        )

    def _check_length(self, q: str) -> None:
        if len(q) > self._settings.max_query:
            raise InputError(
                f"The query has {len(q)} characters; expected at most {self._settings.max_query}."
            )


def _shown_hit(
    hit: Hit, size: tuple[int | None, int | None], *, num_words: int | None
) -> schema.Hit:
    """Return a hit as it is answered; ``num_words``: at most so many of its words."""
    width, height = size
    return schema.Hit(
        id=name_to_text(hit.doc_id),
        name=shown_line(hit.doc_id),
        rank=hit.rank,
        score=hit.score,
        sure=hit.sure,
        words=list(hit.words[:num_words]),
        from_keywords=list(hit.from_keywords),
        width=width,
        height=height,
        num_copies=len(hit.copies),
        copies=[
            schema.Copy(id=name_to_text(copy.doc_id), name=shown_line(copy.doc_id))
            for copy in hit.copies[: schema.MAX_COPIES]
        ],
    )


def _filter_fields(columns: dict[str, str]) -> dict[str, str]:
    """Return the fields that a query may name, and their types; not lexret's own columns."""
    own = {alias: columns[name] for alias, name in PICTURE_FIELDS.columns.items()
           if name in columns}  # fmt: skip
    shown = {name: kind for name, kind in columns.items() if not name.startswith("_")}
    return {**shown, **own, "path": "text"}
