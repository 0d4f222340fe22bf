"""Routes of pictures: those of the index, uploads, and what the index remembers of one."""

from __future__ import annotations

import io
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from lexret.errors import InputError, MismatchError, MissingError, UnknownPictureError
from lexret.files.names import shown_line
from lexret.library.library import Library
from lexret.serve import schema
from lexret.serve.limits import BrokenOffError, HeavyWork, ReceivingRoom
from lexret.serve.originals import original
from lexret.serve.parameters import Id
from lexret.serve.pictures import SIDES, Thumbnails, Uploads
from lexret.serve.questions import served_file
from lexret.serve.sending import etag_of, known_already, unchanged
from lexret.serve.settings import ServeSettings

# The page shows them in a narrow column.
_REMEMBERED_IN_A_ROW: Final = 3


class PictureRoutes:
    """The functions behind these addresses.

    Args:
        uploads: keeps pictures that were sent.
        thumbnails: makes pictures in the sizes that are served.
        heavy: lets in few at a time of what takes a core.
    """

    def __init__(
        self,
        library: Library,
        settings: ServeSettings,
        uploads: Uploads,
        thumbnails: Thumbnails,
        heavy: HeavyWork,
    ) -> None:
        self._library, self._settings, self._heavy = library, settings, heavy
        self._uploads, self._thumbnails = uploads, thumbnails
        self._receiving = ReceivingRoom(settings.max_receiving_bytes)

    def add_to(self, app: FastAPI) -> None:
        """Add them to an application."""
        app.post(
            "/api/uploads",
            summary="Send a picture to search by",
            openapi_extra={"requestBody": {"required": True, "content": {"image/*": {
                "schema": {"type": "string", "format": "binary"}}}}},
        )(self.upload)  # fmt: skip
        app.get("/api/uploads", summary="A picture that was sent")(self.kept)
        app.get("/api/size", summary="How large a picture of the index is")(self.size)
        for path, function, told in (
            ("/picture", self.picture, "A picture of the index, as JPEG"),
            ("/original", self.original, "The file of a picture of the index"),
            ("/upload", self.uploaded, "A picture that was sent, as JPEG"),
            ("/remembered", self.remembered, "What the index remembers of a picture, as PNG"),
        ):
            app.get(path, summary=told, response_class=Response)(function)

    async def upload(self, request: Request) -> schema.UploadedPicture:
        # Decided by what the request says of itself, before anything of its body is read.
        length = request.headers.get("content-length")
        greatest = self._settings.max_upload_bytes if length is None else int(length)
        with self._receiving.taken(greatest):
            content = await _body(request)
            return await run_in_threadpool(self._take, content)

    def _take(self, content: bytes) -> schema.UploadedPicture:
        with self._heavy.turn():
            kept = self._uploads.add(content)
        return schema.UploadedPicture(key=kept.key, width=kept.width, height=kept.height)

    def kept(self, key: Annotated[str, Query(max_length=64)]) -> schema.UploadedPicture:
        kept = self._uploads.get(key)
        return schema.UploadedPicture(key=kept.key, width=kept.width, height=kept.height)

    def size(self, id: Id) -> schema.Size:  # noqa: A002
        index = self._library.snapshot().index
        if id not in index:
            raise MissingError("The index holds no such picture.")
        fields = index.document(id).fields
        width, height = fields.get("width"), fields.get("height")
        if not isinstance(width, int) or not isinstance(height, int):
            raise MissingError("The index does not record how large its pictures are.")
        return schema.Size(name=shown_line(id), width=width, height=height)

    def picture(self, request: Request, id: Id, side: int = SIDES[1]) -> Response:  # noqa: A002
        check_side(side)
        snapshot = self._library.snapshot()
        path = served_file(snapshot, id, allow_links=self._settings.allow_links)
        # The picture behind an id may change; a browser asks again after a minute.
        cache, etag = "private, max-age=60", etag_of(self._thumbnails.key_of(path, side))
        if known_already(request.headers, etag):
            return unchanged(etag, cache)
        return _jpeg(self._thumbnails.of_file(path, side), cache, etag)

    def original(self, id: Id, download: bool = False) -> Response:  # noqa: A002
        path = served_file(self._library.snapshot(), id, allow_links=self._settings.allow_links)
        return original(path, self._settings, download=download)

    def uploaded(self, key: Annotated[str, Query(max_length=64)], side: int = SIDES[1]) -> Response:
        check_side(side)
        kept = self._uploads.get(key)
        return _jpeg(self._thumbnails.of_upload(kept, side), "private, max-age=3600, immutable")

    def remembered(self, id: Id) -> Response:  # noqa: A002
        snapshot = self._library.snapshot()
        if id not in snapshot.index:
            raise UnknownPictureError(f"The index holds no picture {id!r}.")
        try:
            served_file(snapshot, id, allow_links=self._settings.allow_links)
            words_only = False
        except MissingError:  # the words are in the index
            words_only = True
        with self._heavy.turn():
            try:
                views = self._library.rebuild(id, words_only=words_only, snapshot=snapshot)
            except MismatchError as error:
                raise InputError(
                    "What is remembered can be drawn for the model `mini` alone; for another, "
                    "`lexret rebuild --decoder` draws it."
                ) from error
            content = views.png(in_a_row=_REMEMBERED_IN_A_ROW)
        headers = {"cache-control": "private, max-age=60"}
        return Response(content, media_type="image/png", headers=headers)


def check_side(side: int) -> None:
    """Raise InputError where pictures are not served in a size."""
    if side not in SIDES:
        raise InputError(f"The side is {side}; expected one of {', '.join(map(str, SIDES))}.")


async def _body(request: Request) -> bytes:
    """Return a request's body, which is held once only while it comes in."""
    spool = io.BytesIO()
    try:
        async for piece in request.stream():
            spool.write(piece)
    except ClientDisconnect as error:
        raise BrokenOffError("The request broke off before it was whole.") from error
    return spool.getvalue()


def _jpeg(content: bytes, cache: str, etag: str | None = None) -> Response:
    headers = {"cache-control": cache} | ({} if etag is None else {"etag": etag})
    return Response(content, media_type="image/jpeg", headers=headers)
