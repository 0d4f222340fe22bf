"""All shards answer as the one index of them: in Python, by the shell, on the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from PIL import Image

from lexret.cli.main import main
from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter, open_index
from lexret.errors import LexretError
from lexret.library.fields import set_fields
from lexret.library.library import Library
from lexret.library.shards import Shard
from lexret.library.updating.folder_changes import copy_documents
from lexret.library.updating.merging import merge_indexes
from tests.fuzz.test_questions import TEXTS, ask
from tests.pictures.metadata_files import bag, jpeg, packet, xmp_segment

TOTAL = 3


def split(whole: Path, target: Path) -> list[Path]:
    """Write the shards of an index, with its vectors, without encoding anything again."""
    index, places = EmbeddedIndex(whole), []
    roots = [str((whole / root).resolve()) for root in index.manifest.roots]
    for number in range(1, TOTAL + 1):
        shard, place = Shard(number, TOTAL), target / str(number)
        with EmbeddedIndexWriter.create(
            place, index.vocabulary, model_id=index.model_id, roots=roots,
            model_source=index.manifest.model_source,
            options=[*index.manifest.options, shard.option],
        ) as writer:  # fmt: skip
            copy_documents(
                index, writer,
                new_id=lambda one, shard=shard: one.doc_id if shard.holds(one.doc_id) else None,
            )  # fmt: skip
            writer.commit()
        places.append(place)
    return places


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, index_of: Callable[[Path], Path]
) -> tuple[Path, list[Path], Path]:
    """Pictures with copies, keywords, fields and corrections; their shards; the merged index."""
    root = tmp_path_factory.mktemp("sharded") / "photos"
    (root / "below").mkdir(parents=True)
    rng = np.random.default_rng(5)
    for number in range(14):
        noise = rng.integers(0, 256, (40, 60 + number, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / f"n{number}.png")
    for number in range(3):
        shutil.copyfile(root / "n0.png", root / "below" / f"copy {number}.png")
    Image.new("RGB", (50, 50), (30, 30, 200)).save(root / "below" / "blue.png")
    (root / "keyword.jpg").write_bytes(jpeg(xmp_segment(packet(bag("Sea")))))
    place = index_of(root)
    Library.open(root).update(keywords_as_words=True)
    set_fields(place, {f"n{number}.png": {"stars": number % 5} for number in range(9)})
    shards = split(place, root.parent / "shards")
    library = Library.open(shards)
    library.correct(["n1.png", "n2.png", "below/copy 1.png"], add=["dog"], remove=["sea"])
    library.mute("sun")
    merge_indexes(shards, root.parent / "merged")
    return root, shards, root.parent / "merged"


@pytest.fixture(scope="module")
def apps(made: tuple[Path, list[Path], Path]) -> tuple[Any, Any]:
    """The server without a network, over the shards and over the merged index."""
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'lexret[serve]'")
    from lexret.serve.app import create_app
    from lexret.serve.settings import ServeSettings

    _, shards, merged = made
    return tuple(
        create_app(Library.open(place), ServeSettings(max_thumbnail_bytes=0))[0]
        for place in (shards, merged)
    )  # type: ignore[return-value]


def found(place: Any, text: str, **options: Any) -> Any:
    """What Python finds, and everything that it tells of it."""
    try:
        results = Library.open(place).search(text, **options)
    except LexretError as error:
        return str(error)
    hits = [
        (hit.doc_id, hit.path, hit.score, hit.rank, hit.words, hit.missing, hit.sure,
         [copy.doc_id for copy in hit.copies], hit.from_keywords)
        for hit in results
    ]  # fmt: skip
    return hits, results.notes, results.more, results.num_unsure


def test_the_shards_hold_each_picture_once_and_copies_in_several(
    made: tuple[Path, list[Path], Path],
) -> None:
    _, shards, merged = made
    held = [set(open_index(place).doc_ids()) for place in shards]
    assert all(held)
    assert sum(map(len, held)) == len(set().union(*held)) == len(open_index(merged)) == 19
    copies = {"n0.png", *(f"below/copy {n}.png" for n in range(3))}
    assert sum(bool(copies & ids) for ids in held) > 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=TEXTS)
def test_any_text_finds_the_same(made: tuple[Path, list[Path], Path], text: str) -> None:
    _, shards, merged = made
    if text.strip():
        assert found(shards, text, k=30) == found(merged, text, k=30)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a dog on a beach", {"k": 4}),
        ("a dog on a beach", {"copies": True, "k": 30}),
        ("path:**", {"k": 7}),
        ("stars:2.. -sea path:*.png", {"k": 30}),
        ("+dog (beach OR sea)^2 -car>0.9", {"k": 30}),
        ("", {"like": "n0.png", "k": 30}),
        ("at the sea", {"like": "n0.png", "k": 30}),
        ("-sea", {"like": "below/copy 2.png", "copies": True, "k": 30}),
    ],
)
def test_questions_of_each_kind_have_the_same_answer(
    made: tuple[Path, list[Path], Path], text: str, options: dict[str, Any]
) -> None:
    _, shards, merged = made
    answer = found(shards, text, **options)
    assert answer == found(merged, text, **options)
    assert answer[0]


ADDRESSES = [
    ("/api/index", {}),
    ("/api/overview", {}),
    ("/api/timeline", {}),
    ("/api/timeline/pictures", {"start": 2, "count": 9}),
    ("/api/timeline/place", {"id": "n3.png"}),
    ("/api/timeline/place", {"id": "nothing.png", "copies": "true"}),
    ("/api/places", {}),
    ("/api/complete", {"prefix": "s"}),
    ("/api/search", {"q": "a dog on a beach", "k": 5}),
    ("/api/search", {"q": "a dog on a beach", "k": 5, "start": 5}),
    ("/api/search", {"q": "path:**", "k": 30, "copies": "true"}),
    ("/api/search", {"q": "stars:2.. keyword:sea", "k": 30}),
    ("/api/search", {"like": "n3.png", "k": 30}),
    ("/api/search", {"q": "dog ^^^"}),
    ("/api/narrow", {"q": "a dog"}),
    ("/api/unknown", {"q": "a dogg"}),
    ("/api/details", {"id": "n1.png"}),
    ("/api/details", {"id": "below/copy 1.png"}),
    ("/api/details", {"id": "nothing.png"}),
    ("/api/explain", {"id": "n1.png", "q": "a dog on a beach"}),
    ("/api/region", {"id": "n1.png", "box": "0,0,20,20"}),
    ("/picture", {"id": "n5.png", "side": 160}),
    ("/picture", {"id": "nothing.png", "side": 160}),
]


@pytest.mark.parametrize(("path", "asked"), ADDRESSES)
def test_the_page_is_told_the_same(apps: tuple[Any, Any], path: str, asked: dict[str, Any]) -> None:
    answers = []
    for app in apps:
        status, kind, content = ask(app, path, urlencode(asked).encode())
        told: Any = content
        if kind.startswith(b"application/json"):
            told = json.loads(content)
            for other in ("commit", "seconds"):
                told.pop(other, None)
        answers.append((status, kind, told))
    assert answers[0] == answers[1]


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_the_shell_finds_the_same(made: tuple[Path, list[Path], Path]) -> None:
    _, shards, merged = made
    named = [part for place in shards for part in ("--index", str(place))]
    for asked in (["a dog", "--explain"], ["+dog -sea", "--json"], ["path:**", "--paths"]):
        expected = run("search", *asked, "--index", str(merged))
        assert run("search", *asked, *named) == expected
        assert run("search", *asked, "--index", str(shards[0].parent)) == expected
        assert expected[0] == 0
    assert run("duplicates", *named, "--json") == run("duplicates", str(merged), "--json")


def test_the_shell_says_what_is_wrong(made: tuple[Path, list[Path], Path], tmp_path: Path) -> None:
    _, shards, merged = made
    named = [part for place in shards[:2] for part in ("--index", str(place))]
    for command in (["search", "dog"], ["serve", "--port", "0"]):
        status, out, told = run(*command, *named)
        assert (status, out) == (2, "")
        assert "Shard 3/3 is missing" in told
    status, _, told = run("search", "dog", *named, "--index", str(merged))
    assert status == 2
    assert f"{merged} is no shard" in told
    status, _, told = run("search", "dog", *named, "--index", str(tmp_path))
    assert status == 2
    assert f"There is no index at {tmp_path}" in told
    status, _, told = run("info", *named)
    assert status == 2
    assert "takes one index; 2 are named" in told
    status, _, told = run("info", "--index", str(shards[0].parent))
    assert status == 2
    assert "holds 3 shards, and this command takes one index" in told
    status, _, told = run("search", "path:**", "--index", str(shards[0]))
    assert status == 0
    assert "this is shard 1/3 alone" in told
    status, _, told = run("search", "dog", *named, "--index", str(shards[2]), "--backend", "lucene")
    assert status == 2
    assert "not several shards" in told


def test_the_page_changes_the_shard_that_holds_a_picture(
    made: tuple[Path, list[Path], Path], tmp_path: Path
) -> None:
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'lexret[serve]'")
    from lexret.serve.app import create_app
    from lexret.serve.settings import ServeSettings

    _, shards, _ = made
    places = [Path(shutil.copytree(place, tmp_path / place.name)) for place in shards]
    library = Library.open(places)
    create_app(library, ServeSettings(allow_write=True, token="t" * 20))
    ids = [open_index(place).doc_ids()[-1] for place in places]
    assert library.set_fields(ids, {"stars": "3"}) == 3
    assert [open_index(places[n]).document(ids[n]).fields["stars"] for n in range(3)] == [3] * 3
