"""``lexret serve`` and ``lexret sheet`` from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main


@pytest.fixture
def photos(
    tmp_path: Path, static_model_folder: Path, write_index: Any, monkeypatch: pytest.MonkeyPatch
) -> Path:
    for name, colour in (("a.png", (200, 0, 0)), ("b.png", (0, 0, 200))):
        Image.new("RGB", (60, 40), colour).save(tmp_path / name)
    words = {
        "a.png": {"dog": 0.9, "sea": 0.1},
        "b.png": {"dog": 0.5, "cat": 0.8},
        "gone.png": {"car": 1.0},
    }
    write_index(tmp_path, static_model_folder, words)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*options: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'lexret[serve]'")
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-m", "lexret", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_it_prints_its_address_serves_and_ends_on_an_interrupt(photos: Path) -> None:
    process, address = start()
    try:
        with urllib.request.urlopen(f"{address}api/search?q=dog%3F", timeout=20) as answer:
            assert [one["id"] for one in json.load(answer)["hits"]] == ["a.png", "b.png"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, -signal.SIGINT, 130)
    finally:
        process.kill()
        process.communicate()


def test_other_machines_get_a_token_with_the_address(photos: Path) -> None:
    process, address = start("--host", "0.0.0.0", LEXRET_TOKEN="correct-horse-battery")
    try:
        assert address.endswith("/?token=correct-horse-battery")
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(address.partition("?")[0] + "api/index", timeout=20)
        refused.value.close()
        assert refused.value.code == 401
    finally:
        process.kill()
        process.communicate()


def test_behind_a_proxy_it_tells_its_path_and_who_can_search(photos: Path) -> None:
    process, address = start("--root-path", "/photos/", "--allow-host", "photos.example.org")
    try:
        assert address.endswith("/photos/")
        asked = urllib.request.Request(f"{address}api/search?q=dog%3F")
        asked.add_header("Host", "photos.example.org")
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert json.load(answer)["pictures"] == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        assert process.stderr is not None
        assert "whoever reaches the proxy can search" in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--index", "nowhere"], "There is no index at nowhere"),
        (["--model", "mini"], "was made with the model"),
        (["--host", "203.0.113.7"], "Cannot listen at 203.0.113.7"),
        (["--root-path", "photos"], "expected one such as /photos"),
        (["--allow-host", "https://photos.example.org"], "expected a name such as"),
    ],
)
def test_what_cannot_be_served_is_told(photos: Path, options: list[str], message: str) -> None:
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'lexret[serve]'")
    result = CliRunner().invoke(main, ["serve", "--port", "0", *options], catch_exceptions=False)
    assert result.exit_code == 2
    assert message in result.stderr


def sheet(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sheet", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("suffix", ["html", "png", "svg", "json"])
def test_a_sheet_is_drawn_of_a_search_and_of_an_index(photos: Path, suffix: str) -> None:
    for name, query, count in (("hits", ["dog?", "-cat"], 1), ("all", [], 3)):
        result = sheet(*query, "-o", f"{name}.{suffix}", "-k", "5")
        assert result.exit_code == 0, result.output
        assert result.stdout.endswith(f"{count} picture{'s' * (count > 1)}\n")
        assert ("gone.png" in result.stderr) == (name == "all" and suffix != "json")
        content = (photos / f"{name}.{suffix}").read_bytes()
        if suffix == "json":
            assert len(json.loads(content)["entries"]) == count
        elif suffix == "svg":
            assert b"a.png" in ElementTree.tostring(ElementTree.fromstring(content))
        else:
            assert content.startswith(b"\x89PNG" if suffix == "png" else b"<!doctype html>")


def test_words_of_a_sheet_lead_where_they_are_told(photos: Path) -> None:
    sheet("-o", "all.html", "--link", "http://127.0.0.1:8000/?q={word}")
    assert 'href="http://127.0.0.1:8000/?q=dog"' in (photos / "all.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.pdf"], "expected a name that ends in"),
        (["-o", "x.html", "--link", "http://x/"], "with {word} in it"),
        (["-o", "x.html", "--link", "javascript:alert('{word}')"], "begins with http"),
        (["-o", "no/such/x.html"], "cannot be written: there is no folder no/such"),
        (["-o", "taken.html"], "cannot be written: a folder has that name"),
    ],
)
def test_wrong_sheets_are_refused_before_anything_is_loaded(
    photos: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    (photos / "taken.html").mkdir()
    monkeypatch.setattr("lexret.cli.sheet.open_chosen_library", None)
    result = sheet("dog", *arguments)
    assert result.exit_code == 2 and message in result.stderr


def test_a_file_that_is_there_is_replaced_where_that_is_said(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "mine.png").write_bytes(b"mine")
    assert sheet("dog?", "-o", "mine.png", "--force").exit_code == 0
    assert (photos / "mine.png").read_bytes().startswith(b"\x89PNG")
    (photos / "mine.png").write_bytes(b"mine")
    monkeypatch.setattr("lexret.cli.sheet.open_chosen_library", None)  # before anything is loaded
    result = sheet("dog?", "-o", "mine.png")
    assert result.exit_code == 2
    assert "mine.png is there already" in result.stderr and "--force" in result.stderr
    assert (photos / "mine.png").read_bytes() == b"mine"


def test_a_figure_of_too_many_pictures_is_refused_before_they_are_looked_at(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexret.explain.drawing.contact_sheet.MAX_IN_FIGURE", 2)
    monkeypatch.setattr("lexret.explain.contact.sheet_of_index", None)
    result = sheet("-o", "all.png")
    assert result.exit_code == 2 and "too many for one figure of at most 2" in result.stderr


def test_the_pictures_of_a_sheet_are_counted_on_a_terminal_only(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Drawing" not in sheet("-o", "all.html").stderr
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    told = sheet("-o", "all.html", "--force").stderr
    assert "Drawing picture 3 of 3..." in told
    assert [line for line in told.splitlines() if line.startswith("Note: ")]
    assert "Looking for pictures..." in sheet("dog?", "-o", "all.html", "--force").stderr


def test_a_sheet_of_nothing_is_written_and_told(photos: Path) -> None:
    assert sheet("bird?", "-o", "none.html").exit_code == 1
    assert "No picture fits" in (photos / "none.html").read_text("utf-8")
