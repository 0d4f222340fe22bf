"""Copies of a file in what ``lexret search`` and ``lexret sheet`` show."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexret.cli.main import main
from lexret.library.library import Library


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def photos(
    picture_folder: Path, static_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    shutil.copyfile(picture_folder / "red.png", picture_folder / "more" / "red again.png")
    shutil.copyfile(picture_folder / "red.png", picture_folder / "another.png")
    for name in ("more/red again.png", "another.png"):
        os.utime(picture_folder / name, (2e9, 2e9))
    Library.create(picture_folder, model=str(static_model_folder))
    monkeypatch.chdir(picture_folder)
    return picture_folder


COPIES = ["another.png", "more/red again.png"]


def test_copies_are_counted_in_text_and_named_in_json() -> None:
    hits = json.loads(run("search", "dog", "--json"))["hits"]
    assert {hit["path"]: hit["copies"] for hit in hits} == {
        "red.png": COPIES, "blue.jpg": [], "more/noise.png": [],
    }  # fmt: skip
    assert "red.png and 2 copies " in run("search", "dog")
    assert ". red.png and 2 copies" in run("search", "dog", "--explain")
    assert "red.png and 1 copy\n" in run("search", "path:*.png", "-path:another.png")
    assert sorted(run("search", "dog", "--paths").splitlines()) == [
        "blue.jpg", "more/noise.png", "red.png",
    ]  # fmt: skip


def test_the_switch_shows_each_copy() -> None:
    hits = json.loads(run("search", "dog", "--json", "--copies"))["hits"]
    assert len(hits) == 5
    assert not any(hit["copies"] for hit in hits)
    assert "copies" not in run("search", "dog", "--copies")
    assert len(run("search", "dog", "--copies", "--paths").splitlines()) == 5


def test_ranks_without_a_word_count_hits_as_they_are_shown() -> None:
    for switch, number in ((), 3), (("--copies",), 5):
        hits = json.loads(run("search", "dog", "--json", "--explain", *switch))["hits"]
        ranks = [int(rank) for hit in hits for rank in hit["rank_without"].values()
                 if rank.isdigit()]  # fmt: skip
        assert ranks and max(ranks) <= number


@pytest.mark.parametrize("query", [(), ("dog",), ("path:**",)])
def test_a_sheet_draws_copies_once_and_counts_them(query: tuple[str, ...], photos: Path) -> None:
    for switch, number in ((), 3), (("--copies",), 5):
        run("sheet", *query, "-o", "sheet.json", "--force", *switch)
        entries = json.loads((photos / "sheet.json").read_text())["entries"]
        assert len(entries) == number
        copies = {entry["doc_id"]: entry["copies"] for entry in entries if entry["copies"]}
        assert copies == ({} if switch else {"red.png": COPIES})
    for kind in ("html", "svg"):
        run("sheet", *query, "-o", f"sheet.{kind}")
        drawn = (photos / f"sheet.{kind}").read_text()
        assert "red.png and 2 copies" in drawn
        assert "3 and 2 copies of 5 pictures" in drawn
