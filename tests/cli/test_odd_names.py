"""Pictures whose names are no text, or an odd one: every command shows and takes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.files.names import is_whole, name_to_text, text_to_name

LATIN = os.fsdecode(b"latin1_\xe9t\xe9.jpg")
NAMES = (LATIN, "a\nb.jpg", "q\"'#?%41&=+.jpg", "\u202egpj.\u05d0.jpg", "bytes:%41.jpg",
         "x" * 251 + ".jpg")  # fmt: skip


def run(*arguments: str, exits: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == exits, result.output
    return result


def told(*arguments: str, exits: int = 0) -> Any:
    """What a command prints with --json, which must hold whole characters only."""
    printed = run(*arguments, "--json", exits=exits).stdout
    found = json.loads(printed)
    assert is_whole(json.dumps(found, ensure_ascii=False))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, static_model_folder: Path) -> Path:
    place = tmp_path_factory.mktemp("odd")
    noise = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for name in NAMES:
        try:
            Image.fromarray(noise).save(place / name)
        except OSError:
            pytest.skip("needs a file system that takes names of any bytes")
    (place / os.fsdecode(b"broken_\xff.jpg")).write_bytes(b"no picture")
    report = told("index", str(place), "--model", str(static_model_folder))
    assert report["pictures"] == len(NAMES)
    (skipped,) = report["skipped"]
    assert os.path.basename(text_to_name(skipped["path"])) == os.fsdecode(b"broken_\xff.jpg")
    return place


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(folder)
    yield


def test_a_search_tells_names_that_come_back() -> None:
    hits = told("search", "path:**", "-k", "20", "--copies")["hits"]
    assert sorted(text_to_name(hit["path"]) for hit in hits) == sorted(NAMES)
    text = run("search", "path:**", "-k", "20", "--copies").stdout
    assert len(text.splitlines()) == len(NAMES) + 1, "a name breaks a line"
    printed = run("search", "path:**", "-k", "20", "--copies", "--paths", "-0").stdout_bytes
    assert sorted(printed.split(b"\0")[:-1]) == sorted(map(os.fsencode, NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_named_as_the_system_or_as_json_names_it(name: str) -> None:
    for given in (name, name_to_text(name)):
        assert text_to_name(told("words", "edit", given)["id"]) == name
        found = told("search", "--like", given, exits=1)  # all others are copies of it
        assert text_to_name(found["like"][0]) == given
    assert run("words", "edit", name).stdout.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_its_words_are_shown(name: str, static_model_folder: Path) -> None:
    found = told("words", name, "--model", str(static_model_folder))
    assert text_to_name(found["image"]) == name
    run("words", name, "--model", str(static_model_folder))


@pytest.mark.parametrize("name", NAMES[:4])
def test_it_is_explained(name: str, static_model_folder: Path, tmp_path: Path) -> None:
    run("explain", name, "-o", str(tmp_path), "--model", str(static_model_folder), "--query", "dog")
    found = json.loads((tmp_path / "explanation.json").read_bytes().decode("utf-8"))
    assert text_to_name(found["image"]) == name
    assert (tmp_path / "report.html").read_bytes().decode("utf-8")
    assert (tmp_path / "summary.svg").read_bytes().decode("utf-8")


def test_it_is_explained_into_a_folder_of_such_a_name(
    static_model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / os.fsdecode(b"out_\xe9")
    printed = run("explain", LATIN, "-o", str(out), "--model", str(static_model_folder)).stdout
    assert (out / "summary.png").is_file() and "out_\ufffd/summary.png" in printed


def test_duplicates_tags_and_fields_tell_names_that_come_back(tmp_path: Path) -> None:
    (group,) = told("duplicates")["groups"]
    assert sorted(text_to_name(picture["path"]) for picture in group) == sorted(NAMES)
    run("duplicates")
    lines = run("tag", "--json", "--above", "0").stdout.splitlines()
    assert {text_to_name(json.loads(line)["path"]) for line in lines} == set(NAMES)
    run("tag", "--above", "0")
    table = tmp_path / "stars.jsonl"
    rows = [{"path": name_to_text(name), "stars": 4} for name in NAMES]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert told("fields", "load", str(table))["changed"] == len(NAMES)


def test_a_sheet_holds_them(tmp_path: Path) -> None:
    for kind in ("json", "html", "svg", "png"):
        run("sheet", "-o", str(tmp_path / f"all.{kind}"), "-k", "20", "--copies")
    entries = json.loads((tmp_path / "all.json").read_bytes().decode("utf-8"))["entries"]
    assert sorted(text_to_name(entry["doc_id"]) for entry in entries) == sorted(NAMES)
