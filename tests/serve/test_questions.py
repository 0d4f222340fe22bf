"""What the server says of a question, in the words of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main
from lexret.engine.corrections.corrections import change_corrections
from lexret.errors import InputError
from lexret.library.library import Library
from lexret.serve.limits import HeavyWork
from lexret.serve.pictures import Uploads
from lexret.serve.questions import Understanding


@pytest.fixture
def place(tmp_path: Path, index_of: Callable[[Path], Path]) -> Path:
    Image.new("RGB", (50, 50), (200, 30, 30)).save(tmp_path / "red.png")
    return index_of(tmp_path)


def ask_server(place: Path, query: str) -> tuple[str, ...]:
    library = Library.open(place)
    understanding = Understanding(library, Uploads(1, 1), HeavyWork(1, 1), allow_links=False)
    return understanding.understand(query, library.snapshot()).notes


def ask_shell(place: Path, query: str) -> str:
    return CliRunner().invoke(main, ["search", "--index", str(place), "--", query]).stderr


@pytest.mark.parametrize(
    "query", ["", " ", "?!", "dogg", "+dogg", "-dogg", "red +dogg", "dogg^2", "beahc dogg", "-the"]
)
def test_errors_are_those_of_the_command_line(place: Path, query: str) -> None:
    with pytest.raises(InputError) as caught:
        ask_server(place, query)
    assert ask_shell(place, query) == f"Error: {caught.value}\n"


@pytest.mark.parametrize("query", ["a dogg and a dog", "-dog path:**", "+dog beech"])
def test_notes_are_those_of_the_command_line(place: Path, query: str) -> None:
    change_corrections(place, lambda now: now.with_muted(frozenset({"dog"})))
    notes = ask_server(place, query)
    assert "muted in this index (counts for nothing): dog" in notes
    told = [line for line in ask_shell(place, query).splitlines() if line.startswith("Note: ")]
    told = [line for line in told if not line.startswith("Note: without ")]  # of /api/relax
    assert told == [f"Note: {note}" for note in notes]
