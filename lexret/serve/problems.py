"""Errors as the server tells them: ``{"error": "..."}`` and a fitting status."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException  # FastAPI's own is a child of it

from lexret.errors import (
    BackendError,
    DamageError,
    ImageError,
    InputError,
    LexretError,
    LockedError,
    MismatchError,
    MissingError,
    MissingPackageError,
    OutdatedLabelError,
    QueryError,
    StorageError,
    UnknownLabelError,
    UnknownPictureError,
)
from lexret.files.names import whole_text
from lexret.serve.limits import (
    BrokenOffError,
    BusyError,
    ForbiddenError,
    TooLargeError,
    TooSlowError,
)

_log = logging.getLogger(__name__)

_STATUS: Final[tuple[tuple[type[LexretError], int], ...]] = (
    (ForbiddenError, 403), (LockedError, 503), (BackendError, 503), (StorageError, 507),
    (BrokenOffError, 400), (TooLargeError, 413), (TooSlowError, 408), (BusyError, 503),
    (MissingPackageError, 501),
    (MismatchError, 409), (MissingError, 404), (ImageError, 415), (InputError, 422),
)  # fmt: skip
# What is told instead of a message that may name files of this machine; the first that fits.
_TOLD: Final[tuple[tuple[type[LexretError], str], ...]] = (
    (UnknownPictureError, "The index holds no such picture."),
    (UnknownLabelError, "The index has no such label; /api/labels lists those there are."),
    (
        OutdatedLabelError,
        "The label was trained with another model than the index has; train it again.",
    ),
    (MismatchError, "The index was made with another model; start the server anew."),
    (
        DamageError,
        "The index is damaged, so that this cannot be answered: `lexret check` says what is, "
        "`lexret repair` saves what is whole.",
    ),
    (LockedError, "Another process is changing the index just now; try again shortly."),
    (
        BackendError,
        "The engine that holds the vectors does not answer; the server's output says more.",
    ),
    (StorageError, "That cannot be written; the server's own output says more."),
)


def add_errors(app: FastAPI, root_path: str) -> None:
    """Let an application answer every error as ``{"error": "..."}``."""
    listed = f"{root_path}/api/openapi.json"

    async def tell(_request: Request, error: Exception) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        if status in (500, 507) or isinstance(error, BackendError):
            _log.error("A request failed: %s", error)
        problem: dict[str, object] = {"error": whole_text(public_error(error))}
        if isinstance(error, QueryError):
            problem.update(start=error.start, end=error.end)
        headers = {"retry-after": "2"} if status == 503 else {}
        return JSONResponse(problem, status_code=status, headers=headers)

    async def refuse(_request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        told = "; ".join(
            f"The request's body is not JSON: {problem['ctx']['error']}."
            if problem["type"] == "json_invalid"
            else f"{_named(problem['loc'])}: {problem['msg']}"
            for problem in found
        )
        return JSONResponse({"error": told or "The request is malformed."}, status_code=422)

    async def point(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise AssertionError(f"not for {error!r}") from error
        told, headers = error.detail, dict(error.headers or {})
        if error.status_code == 404:
            told = f"There is nothing at this address; {listed} lists those there are."
        elif error.status_code == 405:
            allowed = headers.get("Allow", "another method")
            if allowed == "GET":  # the gate makes one of the other
                allowed = headers["Allow"] = "GET, HEAD"
            told = f"This address takes {allowed}, not {request.method}."
        return JSONResponse({"error": told}, status_code=error.status_code, headers=headers)

    app.add_exception_handler(LexretError, tell)
    app.add_exception_handler(HTTPException, point)
    app.add_exception_handler(RequestValidationError, refuse)


def _named(place: Sequence[str | int]) -> str:
    """Return the name of a value that is refused; of a key, that of what it is a key of."""
    return f"a name in {place[-3]}" if place[-1] == "[key]" else str(place[-1])


def public_error(error: Exception) -> str:
    """Return what may be told of an error: not where files lie on this machine."""
    if isinstance(error, ImageError):
        return f"The picture cannot be read: {error.reason}."
    for kind, message in _TOLD:
        if isinstance(error, kind):
            return message
    told = (
        InputError | MissingError | MissingPackageError | BusyError | BrokenOffError
        | TooLargeError | TooSlowError | ForbiddenError
    )  # fmt: skip
    if isinstance(error, told):
        return str(error)
    return "The index cannot be read just now; the server's own output says more."
