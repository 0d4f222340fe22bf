"""Connections to Milvus through pymilvus, one a place and process, and its errors as lexret's."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from lexret.errors import BackendError, MissingPackageError
from lexret.interop.milvus.place import TOKEN_VARIABLE

INSTALL: Final = "pip install 'lexret[scale]'"
SECONDS: Final = 60.0
"""How long Milvus may take to answer."""
SECONDS_TO_LOAD: Final = 900.0
"""How long it may take to load a collection; Milvus Lite indexes it with the first search."""
_SECONDS_TO_CONNECT: Final = 10.0
# Servers of Milvus Lite hang up on clients that ask every 10 seconds whether they are there.
_GRPC_OPTIONS: Final = {"grpc.keepalive_time_ms": 330_000}
# Releases of Milvus Lite that answer searches by inner product with scores of BM25.
WRONG_RELEASES: Final = frozenset({"3.1.1", "3.2.1"})

_lock: Final = threading.Lock()
_clients: Final[dict[str, Any]] = {}


def connect(uri: str) -> Any:
    """Return the client of a server or file; this process has one, which threads share.

    Raises:
        MissingPackageError: if pymilvus is not installed, or Milvus Lite for a file.
        BackendError: if nothing answers there, or another process has the file open.
    """
    with _lock:
        if uri not in _clients:
            _clients[uri] = _connect(uri)
        return _clients[uri]


def disconnect(uri: str) -> None:
    """Close the client of a server or file, if there is one; the next call connects anew."""
    with _lock:
        client = _clients.pop(uri, None)
        if client is None:
            return
        client.close()
        if "://" not in uri:  # the client leaves the file open
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(uri)


def _connect(uri: str) -> Any:
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise MissingPackageError(
            f"The backend milvus needs pymilvus, which is not installed. Install it with: {INSTALL}"
        ) from error
    for name in ("pymilvus", "milvus_lite"):  # they log all errors that they raise
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if "://" not in uri:
        _check_lite(uri)
    token = os.environ.get(TOKEN_VARIABLE, "")
    try:
        return MilvusClient(
            uri, token=token, timeout=_SECONDS_TO_CONNECT, grpc_options=_GRPC_OPTIONS
        )
    except Exception as error:  # pymilvus raises grpc's errors beside its own
        why = (
            "Another process may have it open, such as lexret serve: Milvus Lite gives a file to "
            "one at a time."
            if "://" not in uri
            else f"Is it running? Does {TOKEN_VARIABLE} hold its token, where it asks for one?"
        )
        raise BackendError(f"Milvus at {uri} cannot be opened. {why} {_told(error)}") from error


def _check_lite(uri: str) -> None:
    try:
        found = version("milvus-lite")
    except PackageNotFoundError as error:
        raise MissingPackageError(
            f"A file of Milvus ({uri}) needs milvus-lite, which is not installed. Install it with: "
            f"{INSTALL}. For a server, give its address, such as http://HOST:19530."
        ) from error
    if found in WRONG_RELEASES:
        raise BackendError(
            f"Milvus Lite {found} answers with scores of another kind (BM25). Install one that "
            f"does not: {INSTALL}"
        )
    if not Path(uri).parent.is_dir():
        raise BackendError(f"The folder of the file {uri} does not exist; make it first.")


@contextmanager
def milvus_errors(place: object) -> Iterator[None]:
    """Turn the errors of pymilvus into BackendError."""
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise BackendError(f"{place}: {_told(error)}") from error


def _told(error: Exception) -> str:
    """Return what an error of pymilvus says, on one line."""
    details = getattr(error, "details", None)
    message = getattr(error, "message", "") or (details() if callable(details) else "")
    text = " ".join(str(message or error).split())
    return f"Milvus says: {text[:400].rstrip('.')}." if text else f"{type(error).__name__}."
