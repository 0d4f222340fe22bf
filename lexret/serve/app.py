"""The application: the JSON API and the page."""

from __future__ import annotations

import os
import threading
import time
from importlib import resources
from typing import Annotated, Any, Final

from lexret import __version__
from lexret.errors import InputError, MissingPackageError
from lexret.files.names import name_to_text, shown_line, whole_text
from lexret.library.asking.query_fields import PICTURE_FIELDS
from lexret.library.asking.query_words import query_words
from lexret.library.asking.question import Understood
from lexret.library.browsing.timeline import sizes_of
from lexret.library.library import Library
from lexret.library.snapshots import Snapshot
from lexret.pictures.boxes import parse_box
from lexret.serve import schema
from lexret.serve.explaining import Explaining
from lexret.serve.gate import Gate
from lexret.serve.limits import Activity, App, HeavyWork
from lexret.serve.making import ThumbnailMaker
from lexret.serve.pictures import Thumbnails, Uploads
from lexret.serve.questions import Understanding
from lexret.serve.settings import ServeSettings
from lexret.serve.thumbnail_store import ThumbnailStore

try:
    from fastapi import FastAPI, Query, Request
    from fastapi.responses import Response

    from lexret.serve.browsing import Browsing
    from lexret.serve.labelling import Labelling
    from lexret.serve.originals import can_reveal
    from lexret.serve.parameters import Box, Copies, Id, Image, Like, Text
    from lexret.serve.problems import add_errors
    from lexret.serve.sending import Compressed, etag_of, known_already, unchanged
    from lexret.serve.showing import Showing, check_side
    from lexret.serve.writing import Writing
except ImportError as error:
    raise MissingPackageError(
        "`lexret serve` needs FastAPI and uvicorn; get them with: pip install 'lexret[serve]'"
    ) from error

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": schema.Problem} for status in (401, 403, 404, 409, 413, 415, 422, 501, 503)
}

NUM_ADDED_WORDS: Final = 12
NUM_FIRST_HITS: Final = 6


def create_app(library: Library, settings: ServeSettings) -> tuple[App, ThumbnailMaker]:
    """Return the whole server as an ASGI application, and what makes its thumbnails.

    The application is guarded by :class:`Gate`; the other is not started yet.
    """
    app = FastAPI(
        title="lexret",
        version=__version__,
        summary="Search pictures by words, and see why they were found.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        responses=_PROBLEMS,
        servers=[{"url": settings.root_path}] if settings.root_path else None,
    )
    add_errors(app, settings.root_path)
    store = ThumbnailStore(library.path, settings.max_thumbnail_bytes)
    activity = Activity()
    api = _Api(library, settings, store, activity)
    api.add_to(app)
    _add_page(app)
    return Gate(activity.noting(Compressed(app)), settings), api.maker


class _Api:
    """The functions behind the addresses below ``/api`` and those of pictures."""

    def __init__(
        self,
        library: Library,
        settings: ServeSettings,
        store: ThumbnailStore,
        activity: Activity,
    ) -> None:
        heavy = HeavyWork(settings.num_heavy, settings.max_waiting)
        self._library, self._settings, self._heavy = library, settings, heavy
        # More threads than cores would only take the interpreter's lock from one another.
        self._searching = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._uploads = Uploads(settings.max_kept_bytes, settings.max_upload_pixels)
        self._thumbnails = Thumbnails(heavy, store)
        links = settings.allow_links
        self.maker = ThumbnailMaker(library, self._thumbnails, heavy, activity, allow_links=links)
        self._writing = Writing(library, settings)
        self._labelling = Labelling(library, settings, self._writing, heavy)
        self._questions = Understanding(library, self._uploads, heavy, allow_links=links)
        self._explaining = Explaining(library, heavy, allow_links=links)
        self._browsing = Browsing(library, settings, self._understand)
        self._showing = Showing(library, settings, self._uploads, self._thumbnails, heavy)

    def add_to(self, app: FastAPI) -> None:
        self._browsing.add_to(app)
        self._writing.add_to(app)
        self._labelling.add_to(app)
        self._showing.add_to(app)
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
            words=[one.word for one in found], pictures=[one.num_pictures for one in found]
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
        if ahead is not None:
            check_side(ahead)
        if k > self._settings.max_hits:
            raise InputError(f"At most {self._settings.max_hits} hits can be asked for; found {k}.")
        if start > self._settings.max_start:
            raise InputError(f"At most {self._settings.max_start:,} hits can be left out; found "
                             f"{start:,}.")  # fmt: skip
        snapshot = self._library.snapshot()
        understood = self._understand(snapshot, q, image, like, box)
        with self._searching:
            results = self._library.find(understood, snapshot, k=k, copies=copies, start=start)
        if ahead is not None:
            as_shown = sorted(results, key=lambda hit: hit.sure is False)  # the sure ones first
            first = [hit.doc_id for hit in as_shown[:NUM_FIRST_HITS]]
            self.maker.first_hits.begin(snapshot, first, ahead)
        sizes = sizes_of(snapshot.index, [hit.doc_id for hit in results])
        return schema.SearchAnswer(
            query=q,
            commit=snapshot.index.manifest.generation,
            pictures=len(snapshot.index),
            notes=[whole_text(note) for note in results.notes],
            seconds=time.perf_counter() - started,
            more=results.more,
            query_words=[
                schema.QueryWord(word=one.word, weight=one.weight, typed=one.typed)
                for one in query_words(understood, snapshot.index.vocabulary, k=NUM_ADDED_WORDS)
            ],
            hits=[
                schema.Hit(
                    id=name_to_text(hit.doc_id),
                    name=shown_line(hit.doc_id),
                    rank=hit.rank,
                    score=hit.score,
                    sure=hit.sure,
                    words=list(hit.words[:words]),
                    from_keywords=list(hit.from_keywords),
                    width=sizes[hit.doc_id][0],
                    height=sizes[hit.doc_id][1],
                    num_copies=len(hit.copies),
                    copies=[
                        schema.Copy(id=name_to_text(copy.doc_id), name=shown_line(copy.doc_id))
                        for copy in hit.copies[: schema.MAX_COPIES]
                    ],
                )
                for hit in results
            ],
        )

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
                schema.RelaxedQuery(query=one.text, left_out=list(one.left_out),
                                    hits=one.num_hits, more=one.more)
                for one in found
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
        query = self._understand(snapshot, q, image, like, box).query if asked else None
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

    def _understand(
        self, snapshot: Snapshot, q: str, image: str | None, like: str | None, box: str | None
    ) -> Understood:
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


def _filter_fields(columns: dict[str, str]) -> dict[str, str]:
    """Return the fields that a query may name, and their types; not lexret's own columns."""
    own = {alias: columns[name] for alias, name in PICTURE_FIELDS.columns.items()
           if name in columns}  # fmt: skip
    shown = {name: kind for name, kind in columns.items() if not name.startswith("_")}
    return {**shown, **own, "path": "text"}


def _add_page(app: FastAPI) -> None:
    """Serve the files of the page: those that came with lexret, by their exact names."""
    folder = resources.files("lexret.serve").joinpath("page")
    for file in folder.iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            address = "/" if file.name == "index.html" else f"/static/{file.name}"
            _add_file(app, address, file.read_bytes(), kind)


def _add_file(app: FastAPI, address: str, content: bytes, kind: str) -> None:
    etag = etag_of(content)

    async def file(request: Request) -> Response:
        if known_already(request.headers, etag):
            return unchanged(etag, "no-cache")
        return Response(
            content, media_type=kind, headers={"cache-control": "no-cache", "etag": etag}
        )

    app.get(address, include_in_schema=False)(file)
