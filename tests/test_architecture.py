"""ARCHITECTURE.md names what is there: every path, and every room in its order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_imports import ROOMS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
# In backticks: with a folder in it or at its end, or a file of Python.
PATHS = sorted(set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|\w+\.py)`", TEXT)))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_the_map_names_is_there(path: str) -> None:
    places = [folder / path for folder in (ROOT / "lexret", ROOT)]
    found = [place for place in places if place.exists()]
    assert found, f"ARCHITECTURE.md names {path}"
    assert all(place.is_dir() == path.endswith("/") for place in found)


def test_the_map_shows_every_room_from_the_ground_up() -> None:
    table = TEXT.partition("| room |")[2].partition("\n\n")[0]
    rooms = re.findall(r"^\| `(\w+)(?:\.py|/)` \|", table, re.MULTILINE)
    assert tuple(rooms) == ROOMS


def test_paths_are_looked_for_in_more_than_a_hundred_places() -> None:
    assert len(PATHS) > 100
    assert {"engine/", "engine/index.py", "presets.py", "index/FORMAT.md"} <= set(PATHS)


def test_the_readme_leads_to_the_map() -> None:
    assert "(ARCHITECTURE.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
