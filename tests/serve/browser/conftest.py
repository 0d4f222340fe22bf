"""Photos, a server over them, and a browser.

With LEXRET_SCREENSHOTS=docs, the tests make the pictures of the documentation.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, find_chromium
from page_actions import NUM_MANY
from PIL import Image

from lexret.library.library import Library

PHOTOS = {
    "skimage": ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png",
                "coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
                "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg",
                "text.png"),
    "sklearn": ("china.jpg", "flower.jpg"),
}  # fmt: skip


FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}


@pytest.fixture(scope="package")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photos of scikit-image and scikit-learn that are installed."""
    folder = tmp_path_factory.mktemp("photos")
    for package, names in PHOTOS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"needs the sample photos of {package}: pip install 'lexret[demo]'")
        for name in names:
            source = Path(spec.origin).parent / FOLDERS[package] / name
            if source.is_file():
                shutil.copyfile(source, folder / name)
    return folder


@pytest.fixture(scope="package")
def address(photos: Path, serve_library: Any) -> Iterator[str]:
    from lexret.encoders import load_model
    from lexret.library.updating.indexing import index_folders

    index_folders([photos], photos / ".lexret", load_model("mini").images, model_source="mini")
    library = Library.open(photos)
    library.encoders().texts().encode(["a cup of coffee"])
    with serve_library(library) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture
def browser(tmp_path: Path, address: str) -> Iterator[Browser]:
    with Browser(str(find_chromium()), tmp_path / "profile") as one:
        yield one
        assert not one.errors, one.errors
        foreign = [url for url in one.requests
                   if not url.startswith((address, "about:", "blob:", "data:"))]  # fmt: skip
        assert not foreign, "the page asked for something elsewhere"


@pytest.fixture(scope="package")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = os.environ.get("LEXRET_SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def many(tmp_path_factory: pytest.TempPathFactory, index_of: Any) -> Library:
    """A library of 20,000 photos: links to a few files, with dates over ten years."""

    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.vectors import read_documents
    from lexret.engine.writer import EmbeddedIndexWriter
    from lexret.sparse import SparseBatch

    folder = tmp_path_factory.mktemp("many")
    for number, size in enumerate([(120, 80), (80, 120), (400, 60), (60, 400), (90, 90)]):
        Image.new("RGB", size, (40 * number, 200 - 30 * number, 120)).save(folder / f"{number}.png")
    place = index_of(folder)
    (chunk,) = read_documents(EmbeddedIndex(place))
    numbers = range(NUM_MANY - len(chunk.documents))
    columns: dict[str, list[Any]] = {name: [] for name in chunk.documents[0].fields}
    for number in numbers:
        document = chunk.documents[number % len(chunk.documents)]
        (folder / f"photo {number:05}.png").symlink_to(folder / document.doc_id)
        own = {"sha256": f"{number:064x}", "mtime_ns": 10**18 + number * 15_000 * 10**9}
        for name, values in columns.items():
            values.append(own.get(name, document.fields[name]))
    columns["path"] = [f"photo {number:05}.png" for number in numbers]
    vectors = list(chunk.vectors)
    with EmbeddedIndexWriter.open(place) as writer:
        batch = [vectors[number % len(vectors)] for number in numbers]
        writer.add(columns["path"], SparseBatch.from_vectors(batch, vectors[0].vocabulary),
                   fields=columns)  # fmt: skip
        writer.commit()
    return Library.open(folder)
