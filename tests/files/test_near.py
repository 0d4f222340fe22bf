"""Advice for a missing file: names that are spelled alike, or where it was looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexret.errors import MissingError
from lexret.files.near import advice_for


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pics").mkdir()
    for name in ("red.jpg", "Holiday.png", "notes.txt"):
        (tmp_path / "pics" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_that_are_spelled_alike_are_suggested(here: Path) -> None:
    assert advice_for(Path("pics/rad.jpg")) == "Did you mean pics/red.jpg?"
    assert advice_for(Path("pics/holiday.PNG")) == "Did you mean pics/Holiday.png?"
    (here / "pics" / "rod.jpg").touch()
    assert "pics/rod.jpg or " in advice_for(Path("pics/rxd.jpg")) + " or "
    assert advice_for(Path("pisc")) == "Did you mean pics?"


def test_a_folder_that_is_not_there_is_told(here: Path) -> None:
    assert advice_for(Path("pisc/red.jpg")) == "Its folder pisc is not there either."
    told = advice_for(here / "pics" / "more" / "red.jpg")
    assert told == f"Its folder {here / 'pics' / 'more'} is not there either; {here / 'pics'} is."


def test_what_is_there_is_no_advice(here: Path) -> None:
    assert advice_for(Path("pics")) == ""


def test_without_anything_near_it_is_told_where_it_was_looked_for(here: Path) -> None:
    assert advice_for(Path("x")) == f"A relative path begins at the current folder, {here}."
    assert advice_for(here / "x") == f"No name in {here} is similar."


def test_a_missing_error_keeps_its_message_and_its_place() -> None:
    error = MissingError("There is no a.", path=Path("a"))
    assert (str(error), error.path, MissingError("b").path) == ("There is no a.", Path("a"), None)
    assert isinstance(error, FileNotFoundError)
