"""Routes that change something: off, unless the server allows changes."""

from __future__ import annotations

import logging
import threading
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from lexret.errors import LexretError
from lexret.files.names import name_to_text, shown_line, text_to_name, whole_text
from lexret.library.library import Library
from lexret.serve.limits import ForbiddenError
from lexret.serve.originals import launch_folder, reveal
from lexret.serve.parameters import MAX_ID, Id
from lexret.serve.problems import public_error
from lexret.serve.questions import served_file
from lexret.serve.settings import ServeSettings

_log = logging.getLogger(__name__)

MAX_CHANGED: Final = 5_000
_MAX_WORDS: Final = 100

OneId = Annotated[str, Field(max_length=MAX_ID)]
Ids = Annotated[list[OneId], Field(min_length=1, max_length=MAX_CHANGED)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
WordList = Annotated[list[Word], Field(max_length=_MAX_WORDS)]


class Wanted(BaseModel):
    """What somebody asks for; fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Correction(Wanted):
    """Words of pictures to correct."""

    ids: Ids
    add: WordList = []
    remove: WordList = []
    undo: bool = Field(default=False, description="Leave these words, or all, to the model.")


class Muting(Wanted):
    """Words that are to count nowhere, or to count again."""

    words: WordList
    mute: bool = True


class NewFields(Wanted):
    """Fields of pictures; an empty value takes one away."""

    ids: Ids
    fields: dict[
        Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=10_000)]
    ] = Field(min_length=1, max_length=20)


class Tagging(Wanted):
    """Pictures whose words are to become keywords of their files."""

    ids: Ids
    k: int = Field(default=8, ge=1, le=100, description="At most so many words a picture.")
    write: bool = Field(default=False, description="False: only tell what would be written.")


class Changed(BaseModel):
    """How much was changed."""

    changed: int


class Muted(BaseModel):
    """All words that are muted now."""

    muted: list[str]


class TagChange(BaseModel):
    """Keywords of a file that were written, or would be."""

    id: str
    name: str
    added: list[str]
    removed: list[str]


class TagFailure(BaseModel):
    """A file that was left alone."""

    id: str
    name: str
    error: str


class TagAnswer(BaseModel):
    """What came of it."""

    written: bool
    changes: list[TagChange]
    failed: list[TagFailure]


class Shown(BaseModel):
    """The folder is being shown."""

    shown: bool = True


def require_own(request: Request) -> None:
    """Refuse what a page elsewhere could have sent: the gate has refused foreign origins already.

    Raises:
        ForbiddenError: if a request says neither that it comes from the server's own page nor that
            it is a program's that knows the token.
    """
    headers = request.headers
    own = "origin" in headers or headers.get("sec-fetch-site") == "same-origin"
    if not own and not headers.get("authorization", "").startswith("Bearer "):
        raise ForbiddenError(
            "Changes are asked for by the server's own page, or by programs with "
            "'Authorization: Bearer TOKEN'."
        )


class EditRoutes:
    """The functions behind these addresses; one change at a time.

    Attributes:
        changing: is held while something is changed.
    """

    def __init__(self, library: Library, settings: ServeSettings) -> None:
        self._library, self._settings = library, settings
        self.changing = threading.Lock()

    @property
    def guards(self) -> list[Any]:
        """What an address depends on that changes something."""
        return [Depends(self._require_allowed), Depends(require_own)]

    def add_to(self, app: FastAPI) -> None:
        """Add them to an application."""
        guarded = self.guards
        for name, function, told in (
            ("correct", self.correct, "Correct the words of pictures"),
            ("mute", self.mute, "Let words count nowhere"),
            ("fields", self.fields, "Give pictures fields"),
            ("tag", self.tag, "Write the words of pictures into their files"),
        ):
            app.post(f"/api/{name}", summary=told, dependencies=guarded)(function)
        app.post("/api/reveal", summary="Show a picture in its folder, at this machine",
                 dependencies=[Depends(require_own)])(self.reveal)  # fmt: skip

    def _require_allowed(self, request: Request) -> None:
        if not self._settings.allow_write:
            raise ForbiddenError("This server changes nothing; start it with --allow-write.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # what forms of other pages cannot send
            raise ForbiddenError("Changes are asked for as application/json.")

    def correct(self, wanted: Correction) -> Changed:
        ids = _names(wanted.ids)
        with self.changing:
            self._library.correct(ids, add=wanted.add, remove=wanted.remove, undo=wanted.undo)
        return Changed(changed=len(ids))

    def mute(self, wanted: Muting) -> Muted:
        with self.changing:
            muted = self._library.mute(*wanted.words, undo=not wanted.mute)
        return Muted(muted=sorted(muted))

    def fields(self, wanted: NewFields) -> Changed:
        with self.changing:
            num_changed = self._library.set_fields(_names(wanted.ids), wanted.fields)
        return Changed(changed=num_changed)

    def tag(self, wanted: Tagging) -> TagAnswer:
        snapshot = self._library.snapshot()
        for doc_id in (ids := _names(wanted.ids)):  # none outside, nor behind a link
            served_file(snapshot, doc_id, allow_links=self._settings.allow_links)
        with self.changing:
            found = self._library.tag(ids, k=wanted.k, write=wanted.write)
        return TagAnswer(
            written=wanted.write,
            changes=[
                TagChange(
                    id=name_to_text(one.doc_id),
                    name=shown_line(one.doc_id),
                    added=_texts(set(one.change.after) - set(one.change.before)),
                    removed=_texts(set(one.change.before) - set(one.change.after)),
                )
                for one in found
                if one.change is not None
            ],
            failed=[
                TagFailure(
                    id=name_to_text(one.doc_id),
                    name=shown_line(one.doc_id),
                    error=whole_text(self._reason(one.error)),
                )
                for one in found
                if one.error is not None
            ],
        )

    def _reason(self, error: LexretError) -> str:
        """Return why a file was left alone: with its place for who sits at this machine."""
        _log.info("A file was not tagged: %s", error)
        return str(error) if self._settings.is_local else public_error(error)

    def reveal(self, id: Id) -> Shown:  # noqa: A002
        snapshot = self._library.snapshot()
        path = served_file(snapshot, id, allow_links=self._settings.allow_links)
        reveal(path, self._settings, launch=launch_folder)
        return Shown()


def _names(ids: list[str]) -> list[str]:
    return [text_to_name(one) for one in ids]


def _texts(words: set[str]) -> list[str]:
    return [whole_text(word) for word in sorted(words)]
