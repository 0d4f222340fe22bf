"""Labels over the API: trained from hits and queries, previewed, applied, removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main
from lexret.library.library import Library
from tests.serve.test_writing import TOKEN, Client, state

COLOURS = {"red1.png": (250, 5, 5), "red2.png": (230, 20, 9), "b/blue.png": (9, 9, 240)}
LATIN1 = "bytes:bl%FCe.png"
TRAIN = {
    "name": "kinds",
    "classes": {
        "warm": {"ids": ["red1.png"]},
        "cold": {"queries": ["path:b/**"], "ids": [LATIN1]},
    },
}


TRAIN_COLD = TRAIN["classes"]["cold"]  # type: ignore[index]


@pytest.fixture
def library(tmp_path: Path, index_of: Callable[[Path], Path]) -> Library:
    (tmp_path / "b").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (50, 50), colour).save(tmp_path / name)
    (tmp_path / "b/blue.png").with_name("x").write_bytes(b"")
    Image.new("RGB", (50, 50), (5, 40, 250)).save(tmp_path / "latin.png")
    (tmp_path / "latin.png").rename(tmp_path / b"bl\xfce.png".decode("utf-8", "surrogateescape"))
    return Library.open(index_of(tmp_path))


@pytest.fixture
def client(library: Library, serve_library: Any) -> Iterator[Client]:
    with serve_library(library, allow_write=True, token=TOKEN) as place:
        yield Client(place)


def test_a_label_from_hits_and_queries_to_a_search_and_away_again(client: Client) -> None:
    assert client.ask("/api/labels") == (200, {"labels": []})
    status, report = client.ask("/api/labels/train", TRAIN)
    assert status == 200, report
    assert [(each["name"], each["examples"]) for each in report["classes"]] == [
        ("warm", 1), ("cold", 2),
    ]  # fmt: skip
    assert {(each["class"], each["given_as"]) for each in report["examples"]} == {
        ("warm", "red1.png"), ("cold", "path:b/**"), ("cold", "bl\ufffde.png"),
    }  # fmt: skip
    assert client.ask("/api/labels/show?name=kinds") == (200, report)
    (entry,) = client.ask("/api/labels")[1]["labels"]
    assert (entry["field"], entry["classes"], entry["waiting"]) == ("label", ["warm", "cold"], 0)
    status, preview = client.ask("/api/labels/preview?name=kinds&at_least=0&k=1")
    assert status == 200 and preview["counts"]["warm"] + preview["counts"]["cold"] == 4
    assert [each["class"] for each in preview["pictures"]] == ["cold", "warm"]
    assert client.ask("/api/search?q=label%3Awarm")[0] == 422  # nothing is written yet
    status, applied = client.ask("/api/labels/apply", {"name": "kinds", "at_least": 0})
    assert status == 200 and applied["counts"] == preview["counts"] and applied["changed"] == 4
    hits = client.ask("/api/search?q=label%3Acold")[1]["hits"]
    assert {LATIN1, "b/blue.png"} <= {hit["id"] for hit in hits}
    assert client.ask("/api/labels/remove", {"name": "kinds"}) == (200, {"changed": 4})
    assert client.ask("/api/labels") == (200, {"labels": []})


def test_the_api_learns_what_the_command_learns(library: Library, client: Client) -> None:
    runner = CliRunner()
    client.ask("/api/labels/train", TRAIN)
    preview = client.ask("/api/labels/preview?name=kinds&at_least=0")[1]
    by_api = (library.path / "labels.json").read_bytes()
    where = ["--index", str(library.path)]
    classes = ["--class", "warm=red1.png", "--class", f"cold={LATIN1}", "--class", "cold=path:b/**"]
    runner.invoke(main, ["label", "train", "kinds", *classes, *where])
    assert json.loads(by_api)["labels"]["kinds"]["classes"] == ["warm", "cold"]
    options = ["--dry-run", "--at-least", "0", "--json"]
    result = runner.invoke(main, ["label", "apply", "kinds", *options, *where])
    shown = json.loads(result.stdout)
    assert shown["counts"] == preview["counts"]
    assert [(each["id"], each["class"]) for each in shown["pictures"]] == [
        (each["id"], each["class"]) for each in preview["pictures"]
    ]


def test_a_dry_run_changes_nothing(library: Library, client: Client) -> None:
    before = state(library)
    assert client.ask("/api/labels/train", {**TRAIN, "dry_run": True})[0] == 200
    assert state(library) == before


def test_a_picture_of_two_queries_is_left_out_and_that_is_told(client: Client) -> None:
    classes = {"warm": {"queries": ["path:red*"]}, "all": {"queries": ["path:*2.png", "path:b/**"]}}
    status, report = client.ask("/api/labels/train", {"name": "kinds", "classes": classes})
    assert status == 200 and [one["name"] for one in report["skipped"]] == ["red2.png"]
    assert "'warm' by path:red*" in report["skipped"][0]["reason"]


def test_a_class_without_a_name_is_told_as_one(client: Client) -> None:
    wanted = {"name": "kinds", "classes": {"": {"ids": ["red1.png"]}}}
    _, told = client.ask("/api/labels/train", wanted)
    assert told["error"].startswith("a name in classes: ")


@pytest.mark.parametrize(
    "classes",
    [
        {"warm": {"ids": ["/etc/passwd"]}},
        {"warm": {"ids": ["../x"]}},
        {"warm": {"ids": ["b"]}},
        {"warm": {"ids": ["path:red*"]}},
        {"warm": {"queries": ["/etc/passwd"]}},
        {"warm": {"queries": ["b/blue.png"]}},
        {"warm": {"queries": ["b/"]}},
        {"warm": {"queries": ["path:nothing*"]}},
        {"warm": {"ids": ["red1.png"]}, "cold": {"ids": ["red1.png"]}},
        {"warm": {"ids": ["red1.png"], "files": ["/etc/passwd"]}},
        {"warm": {}},
        {" ": {"ids": ["red1.png"]}},
        {},
    ],
)
def test_no_file_is_an_example_and_what_cannot_be_meant_changes_nothing(
    library: Library, client: Client, classes: Any
) -> None:
    before = state(library)
    status, told = client.ask("/api/labels/train", {"name": "kinds", "classes": classes})
    assert status in (404, 422), told
    assert str(library.path.parent) not in told["error"]
    assert state(library) == before


def test_a_label_that_is_not_there_is_told_without_the_place_of_the_index(client: Client) -> None:
    for path, body in (
        ("/api/labels/show?name=x", None),
        ("/api/labels/preview?name=x", None),
        ("/api/labels/apply", {"name": "x"}),
        ("/api/labels/remove", {"name": "x"}),
        ("/api/labels/train", {**TRAIN, "name": "x", "add": True}),
    ):
        assert client.ask(path, body) == (
            404, {"error": "The index has no such label; /api/labels lists those there are."},
        ), path  # fmt: skip


def test_where_examples_lie_is_for_this_machine_alone(
    library: Library, serve_library: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "mine.png"
    Image.new("RGB", (50, 50), (240, 30, 30)).save(elsewhere)
    library.labels.train("kinds", {"warm": [str(elsewhere)], "cold": ["path:b/**"]})
    asked = f"/api/labels/show?name={quote('kinds')}"
    with serve_library(library) as place:
        told = {each["given_as"] for each in Client(place).ask(asked)[1]["examples"]}
        assert told == {str(elsewhere), "path:b/**"}
    with serve_library(library, token=TOKEN, host="0.0.0.0") as place:
        report = Client(("127.0.0.1", place[1])).ask(asked)[1]
        assert {each["given_as"] for each in report["examples"]} == {"mine.png", "path:b/**"}
        assert str(elsewhere.parent) not in json.dumps(report)


def test_training_shows_what_would_get_a_class_and_keeps_nothing(client: Client) -> None:
    wanted = {**TRAIN, "dry_run": True, "show": 1}
    status, report = client.ask("/api/labels/train", wanted)
    assert status == 200, report
    assert [each["class"] for each in report["would"]["pictures"]] == ["cold", "warm"]
    assert client.ask("/api/labels") == (200, {"labels": []})
    client.ask("/api/labels/train", TRAIN)
    preview = client.ask("/api/labels/preview?name=kinds&k=1")
    assert preview == (200, report["would"])


def test_what_is_remembered_is_drawn_for_the_shipped_model_alone(client: Client) -> None:
    status, told = client.ask("/remembered?id=red1.png")
    assert status == 422 and "`mini` alone" in told["error"]
    assert client.ask("/remembered?id=../red1.png")[0] == 404
    assert client.ask("/remembered?id=gone.png")[0] == 404


def test_what_is_nearly_sure_is_offered_and_becomes_an_example(client: Client) -> None:
    wanted = {**TRAIN, "dry_run": True, "show": 5, "at_least": 0.999}
    would = client.ask("/api/labels/train", wanted)[1]["would"]
    (near,) = would["near"]
    assert (near["id"], near["class"]) == ("red2.png", "warm") and 0 < near["sure"] < 0.999
    few = {one["class"]: one for one in would["few"]}
    assert few["warm"]["asked"] == {"at_least": 0.999, "pictures": 0}
    assert all(level["at_least"] < 0.999 for level in few["warm"]["lower"])
    ids = ["red1.png", near["id"]]
    wanted["classes"] = {**TRAIN["classes"], "warm": {"ids": ids}}
    would = client.ask("/api/labels/train", wanted)[1]["would"]
    assert [one["id"] for one in would["pictures"] if one["class"] == "warm"] == ids
    assert would["near"] == []


def test_names_count_unless_they_are_left_out(library: Library, client: Client) -> None:
    word = library.snapshot().index.vocabulary.words[0]
    wanted = {"name": "kinds", "classes": {word: {"ids": ["red1.png"]}, "aunt-mary-17": TRAIN_COLD}}
    for use_names in (None, False, True):
        report = client.ask("/api/labels/train", {**wanted, "use_names": use_names})[1]
        uses = {each["name"]: each["name_use"] for each in report["classes"]}
        assert (uses[word] == "left out") is (use_names is False)
        assert uses["aunt-mary-17"] == ("left out" if use_names is False else "unknown")
