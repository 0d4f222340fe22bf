"""The page shows pictures that lie in tar shards, and nothing else of the shards."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.library.library import Library
from lexret.serve.settings import ServeSettings

pytest.importorskip("pyarrow")
client_of = pytest.importorskip("fastapi.testclient").TestClient


def content(seed: int) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (240, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "jpeg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    return buffer.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


PICTURES = {f"{number}.jpg": content(number) for number in range(3)}
TOKEN = "a-token-of-24-characters"
OPEN = {"Authorization": f"Bearer {TOKEN}"}
SECRET = b"a secret that stands in the shard beside the pictures"


@pytest.fixture
def served(tmp_path: Path, static_model_folder: Path) -> Iterator[tuple[Any, Path]]:
    """A client of the page over an index of a shard, and the shard."""
    from lexret.encoders import load_model
    from lexret.library.encoding.encode import encode_pictures
    from lexret.library.encoding.into_index import index_encoded
    from lexret.serve.app import create_app

    tar = tmp_path / "tars" / "a.tar"
    write_tar(tar, {"secret.bin": SECRET, **PICTURES})
    images = load_model(static_model_folder).images
    model = str(static_model_folder)
    encode_pictures(str(tar), tmp_path / "out", workers=0, encoder=images, model=model)
    index_encoded([tmp_path / "out"], tmp_path / "index")
    settings = ServeSettings(port=0, allow_write=True, token=TOKEN)
    app, maker = create_app(Library.open(tmp_path / "index"), settings)
    with client_of(app, base_url="http://127.0.0.1", headers=OPEN) as client:
        yield client, tar
    maker.stop()


def test_thumbnails_originals_and_explanations_are_of_the_picture(
    served: tuple[Any, Path],
) -> None:
    client, _ = served
    for name, data in PICTURES.items():
        doc_id = f"a.tar/{name[0]}"
        small = client.get("/picture", params={"id": doc_id, "side": 160})
        assert small.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(small.content)).size == (160, 96)
        again = client.get("/picture", params={"id": doc_id, "side": 160},
                           headers={"if-none-match": small.headers["etag"]})  # fmt: skip
        assert again.status_code == 304
        whole = client.get("/original", params={"id": doc_id, "download": True})
        assert (whole.content, whole.headers["content-type"]) == (data, "image/jpeg")
        said = whole.headers["content-disposition"]
        assert said == f"attachment; filename*=utf-8''{name[0]}.jpg"
    told = client.get("/api/explain", params={"id": "a.tar/1"}).json()
    assert (told["width"], told["height"]) == (400, 240) and told["words"]
    like = client.get("/api/search", params={"like": "a.tar/1", "box": "0,0,200,200"})
    assert like.status_code == 200, like.text


@pytest.mark.parametrize(
    "doc_id",
    ["a.tar/secret", "a.tar", "a.tar/", "a.tar/9", "../a.tar/1", "a.tar/../a.tar/1", "/etc/passwd",
     "a.tar/1\0", "../index/manifest.json"],
)  # fmt: skip
def test_what_is_no_picture_of_the_index_is_not_given(
    served: tuple[Any, Path], doc_id: str
) -> None:
    client, _ = served
    for address in ("/picture", "/original", "/api/explain", "/remembered"):
        answer = client.get(address, params={"id": doc_id})
        assert answer.status_code in (404, 422), (address, answer.text)
        assert SECRET not in answer.content


def test_a_shard_that_changed_or_is_gone_is_told_without_its_folder(
    served: tuple[Any, Path],
) -> None:
    client, tar = served
    first = client.get("/picture", params={"id": "a.tar/0", "side": 160})
    write_tar(tar, {"secret.bin": SECRET * 50, **PICTURES})
    assert client.get("/picture", params={"id": "a.tar/0", "side": 160}).content == first.content
    for address in ("/picture", "/original", "/api/explain"):
        changed = client.get(address, params={"id": "a.tar/1"})
        assert changed.status_code == 404
        assert "a.tar has changed since it was indexed" in changed.json()["error"]
        assert str(tar.parent) not in changed.text and SECRET not in changed.content
    tar.unlink()
    for address in ("/picture", "/original", "/api/explain"):
        gone = client.get(address, params={"id": "a.tar/2"})
        assert gone.status_code == 404
        assert "The file a.tar, which holds the picture, is not in" in gone.json()["error"]
        assert str(tar.parent) not in gone.text
    drawn = client.get("/api/details", params={"id": "a.tar/2"})
    assert drawn.status_code == 200, drawn.text


def test_a_link_that_leads_out_of_the_folder_is_not_followed(served: tuple[Any, Path]) -> None:
    client, tar = served
    outside = tar.parent.parent / "outside.tar"
    tar.rename(outside)
    tar.symlink_to(outside)
    for address in ("/picture", "/original", "/api/explain"):
        assert client.get(address, params={"id": "a.tar/1"}).status_code == 404


def test_a_picture_in_a_shard_is_not_tagged_and_the_reason_is_told(
    served: tuple[Any, Path],
) -> None:
    client, tar = served
    before = tar.read_bytes()
    answer = client.post("/api/tag", json={"ids": ["a.tar/1"], "write": True, "k": 3})
    assert answer.status_code == 200, answer.text
    (failed,) = answer.json()["failed"]
    assert "lexret writes nothing" in failed["error"]
    assert tar.read_bytes() == before
