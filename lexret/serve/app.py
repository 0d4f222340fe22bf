"""The application: all routes, the page, and what guards them."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

from lexret import __version__
from lexret.errors import MissingPackageError
from lexret.library.library import Library
from lexret.serve import schema
from lexret.serve.gate import Gate
from lexret.serve.limits import Activity, App, HeavyWork
from lexret.serve.pictures import Thumbnails, Uploads
from lexret.serve.settings import ServeSettings
from lexret.serve.thumbnail_maker import ThumbnailMaker
from lexret.serve.thumbnail_store import ThumbnailStore

try:
    from fastapi import FastAPI, Request
    from fastapi.responses import Response

    from lexret.serve.edit_routes import EditRoutes
    from lexret.serve.label_routes import LabelRoutes
    from lexret.serve.library_routes import LibraryRoutes
    from lexret.serve.picture_routes import PictureRoutes
    from lexret.serve.problems import add_errors
    from lexret.serve.search_routes import SearchRoutes
    from lexret.serve.sending import Compressed, etag_of, known_already, unchanged
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
    activity = Activity()
    maker = _add_routes(app, library, settings, activity)
    _add_page(app)
    return Gate(activity.noting(Compressed(app)), settings), maker


def _add_routes(
    app: FastAPI, library: Library, settings: ServeSettings, activity: Activity
) -> ThumbnailMaker:
    """Add all routes but those of the page; return what makes thumbnails for them."""
    heavy = HeavyWork(settings.num_heavy, settings.max_waiting)
    uploads = Uploads(settings.max_kept_bytes, settings.max_upload_pixels)
    thumbnails = Thumbnails(heavy, ThumbnailStore(library.path, settings.max_thumbnail_bytes))
    links = settings.allow_links
    maker = ThumbnailMaker(library, thumbnails, heavy, activity, allow_links=links)
    search = SearchRoutes(library, settings, uploads, heavy, maker.first_hits)
    edit = EditRoutes(library, settings)
    LibraryRoutes(library, settings, search.understand).add_to(app)
    edit.add_to(app)
    LabelRoutes(library, settings, edit, heavy).add_to(app)
    PictureRoutes(library, settings, uploads, thumbnails, heavy).add_to(app)
    search.add_to(app)
    return maker


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
