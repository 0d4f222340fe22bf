"""The same question has the same answer in Python, on the command line and on the page."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import lexret
from lexret.cli.main import main
from lexret.engine.corrections.corrections import change_corrections
from tests.pictures.metadata_files import bag, jpeg, packet, xmp_segment

Found = list[tuple[str, float, list[dict[str, Any]], list[str], list[str]]]


@dataclass(frozen=True)
class Asked:
    """A question, in the words of all three."""

    text: str = ""
    image: str | None = None
    like: str | None = None
    box: tuple[int, int, int, int] | None = None
    copies: bool = False


QUESTIONS = [
    Asked("a dog on a beach"),
    Asked("a dogg and a dog, on a t-shirt"),
    Asked("12:30 at night"),
    Asked("+dog (beach OR sea)^2 -car>0.9 cat? red^0.5 path:**"),
    Asked("-night>0.99 path:below/** width:..60"),
    Asked("path:**"),
    Asked("path:**", copies=True),
    Asked("a dog on a beach", copies=True),
    Asked("+sea?"),
    Asked("a dog path:below/**"),
    Asked(like="below/copy.png"),
    Asked(like="below/copy.png", copies=True),
    Asked(image="large.jpg"),
    Asked("dog^0.5 -car", image="large.jpg"),
    Asked(image="large.jpg", box=(300, 400, 321, 320)),
    Asked("a dog", image="large.jpg", box=(0, 0, 2048, 1536)),
    Asked(like="noise.png"),
    Asked("-sea", like="below/blue.png"),
    Asked(like="noise.png", box=(5, 10, 20, 25)),
    Asked(like="large.jpg", box=(700, 10, 640, 500)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, index_of: Callable[[Path], Path]) -> Path:
    """Pictures of several sizes, indexed; a word is muted, a picture corrected."""
    root = tmp_path_factory.mktemp("photos")
    (root / "below").mkdir()
    rng = np.random.default_rng(5)
    for number in range(4):
        noise = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / ("noise.png" if number == 0 else f"n{number}.png"))
    Image.new("RGB", (50, 50), (30, 30, 200)).save(root / "below" / "blue.png")
    shutil.copyfile(root / "noise.png", root / "below" / "copy.png")
    shutil.copyfile(root / "noise.png", root / "another.png")
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    coarse.resize((2048, 1536), Image.Resampling.BICUBIC).save(root / "large.jpg", quality=95)
    (root / "keyword.jpg").write_bytes(jpeg(xmp_segment(packet(bag("Sea")))))
    place = index_of(root)
    lexret.Library.open(root).update(keywords_as_words=True)
    change_corrections(place, lambda now: now.with_muted(frozenset({"sun"})))
    return root


@pytest.fixture(scope="module")
def address(folder: Path, serve_library: Any) -> Iterator[tuple[str, int]]:
    with serve_library(lexret.Library.open(folder)) as place:
        yield place


def by_python(folder: Path, asked: Asked) -> tuple[Found, tuple[str, ...]]:
    image = None if asked.image is None else folder / asked.image
    photos = lexret.Library.open(folder)
    results = photos.search(
        asked.text, image=image, like=asked.like, box=asked.box, copies=asked.copies
    )
    found = [
        (
            *(h.doc_id, h.score, [asdict(word) for word in h.words]),
            *([copy.doc_id for copy in h.copies], list(h.from_keywords)),
        )
        for h in results
    ]
    return found, results.notes


def by_shell(folder: Path, asked: Asked) -> tuple[Found, tuple[str, ...]]:
    options = ["--index", str(folder), "--json"]
    options += [] if asked.image is None else ["--image", str(folder / asked.image)]
    options += [] if asked.like is None else ["--like", asked.like]
    options += [] if asked.box is None else ["--box", ",".join(map(str, asked.box))]
    options += ["--copies"] if asked.copies else []
    words = ["--", asked.text] if asked.text else []
    result = CliRunner().invoke(main, ["search", *options, *words], catch_exceptions=False)
    hits = json.loads(result.stdout)["hits"]
    told = (line.removeprefix("Note: ") for line in result.stderr.splitlines())

    def near(path: str) -> str:
        return Path(path).relative_to(folder).as_posix()

    found = [
        (
            near(hit["path"]),
            hit["score"],
            hit["words"],
            list(map(near, hit["copies"])),
            hit["from_keywords"],
        )
        for hit in hits
    ]
    return found, tuple(told)


def by_page(folder: Path, asked: Asked, address: tuple[str, int]) -> tuple[Found, tuple[str, ...]]:
    connection = http.client.HTTPConnection(*address, timeout=60)

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())

    query: dict[str, str] = {"q": asked.text, "k": "10"}
    if asked.image is not None:
        query["image"] = ask("POST", "/api/uploads", (folder / asked.image).read_bytes())["key"]
    if asked.like is not None:
        query["like"] = asked.like
    if asked.box is not None:
        query["box"] = ",".join(map(str, asked.box))
    if asked.copies:
        query["copies"] = "true"
    answer = ask("GET", f"/api/search?{urlencode(query)}")
    connection.close()
    found = [
        (
            hit["id"],
            hit["score"],
            hit["words"],
            [copy["id"] for copy in hit["copies"]],
            hit["from_keywords"],
        )
        for hit in answer["hits"]
    ]
    assert all(hit["num_copies"] == len(hit["copies"]) for hit in answer["hits"])
    return found, tuple(answer["notes"])


@pytest.mark.parametrize("asked", QUESTIONS, ids=repr)
def test_the_same_question_has_the_same_answer(
    folder: Path, address: tuple[str, int], asked: Asked
) -> None:
    found, notes = by_python(folder, asked)
    assert found
    if asked.text == "+sea?":
        assert found[0][0] == "keyword.jpg" and found[0][-1] == ["sea"]
    assert not (asked.copies and any(copies for _, _, _, copies, _ in found))
    assert by_shell(folder, asked) == (found, notes)
    assert by_page(folder, asked, address) == (found, notes)


@pytest.mark.parametrize("query", ["a dog", "+dog (beach OR sea)", "dog? (red OR blue?^2) path:**"])
def test_the_patches_that_answer_a_query_are_the_same(
    folder: Path, address: tuple[str, int], query: str
) -> None:
    explained = lexret.Library.open(folder).explain("noise.png", query).hit
    assert explained is not None and explained.patches
    connection = http.client.HTTPConnection(*address, timeout=60)
    connection.request("GET", f"/api/explain?{urlencode({'id': 'noise.png', 'q': query})}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    page = [(tuple(patch["patch"]), patch["score"]) for patch in answer["patches"]]
    assert page == [(patch.place, pytest.approx(patch.score)) for patch in explained.patches]
