"""A server in a thread, over a small index."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lexret.library.library import Library
from lexret.serve.settings import ServeSettings

Serving = Callable[..., Any]


@contextmanager
def serving(library: Library, **settings: Any) -> Iterator[tuple[str, int]]:
    """Serve in a thread; gives host and port."""
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'lexret[serve]'")
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'lexret[serve]'")
    from lexret.serve.server import listen, serve

    chosen = ServeSettings(**{"port": 0, **settings})
    listener = listen(chosen)
    place = listener.getsockname()
    servers: list[Any] = []
    thread = threading.Thread(
        target=serve, args=(library, chosen, listener), kwargs={"started": servers.append}
    )
    thread.start()
    try:
        end = time.monotonic() + 30
        while not (servers and servers[0].started):
            assert thread.is_alive() and time.monotonic() < end
            time.sleep(0.01)
        yield place[0], place[1]
    finally:
        if servers:
            servers[0].should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve_library() -> Serving:
    return serving


@pytest.fixture(scope="session")
def index_of(static_model_folder: Path) -> Callable[..., Path]:
    """Index a folder of pictures with the tiny model."""

    def make(folder: Path) -> Path:
        from lexret.encoders import load_model
        from lexret.library.updating.indexing import index_folders

        place = folder / ".lexret"
        images = load_model(static_model_folder).images
        index_folders([folder], place, images, model_source=str(static_model_folder))
        return place

    return make
