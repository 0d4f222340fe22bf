"""``lexret words edit`` and ``lexret vocab mute``: searches go by them, undoing brings all back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main


def lexret(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture
def photos(
    tmp_path: Path, static_model_folder: Path, write_index: Any, monkeypatch: pytest.MonkeyPatch
) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    words = {
        "a.jpg": {"dog": 0.8, "beach": 0.6},
        "b.jpg": {"car": 1.0},
        "c.jpg": {"dog": 0.4, "sea": 0.2},
    }
    write_index(root, static_model_folder, words)
    monkeypatch.chdir(root)
    return root


def hits(*query: object) -> list[str]:
    found = lexret("search", *query, "--json")
    return [one["path"] for one in json.loads(found.stdout)["hits"]]


def test_words_are_added_taken_away_and_left_to_the_model_again(photos: Path) -> None:
    assert hits("dog?") == ["a.jpg", "c.jpg"]
    done = lexret("words", "edit", "b.jpg", "+dog", "-car")
    assert done.exit_code == 0, done.output
    assert done.stdout == "b.jpg: +dog (1.0000), -car\n"
    assert hits("dog?") == ["b.jpg", "a.jpg", "c.jpg"]
    assert hits("dog?", "-car") == ["b.jpg", "a.jpg", "c.jpg"]
    assert hits("+car") == []
    assert lexret("words", "edit", "b.jpg", "--undo", "car").stdout == "b.jpg: +dog (1.0000)\n"
    assert hits("+car path:**") == ["b.jpg"]
    assert lexret("words", "edit", "b.jpg", "--undo").stdout == "b.jpg: as the model says\n"
    assert hits("dog?") == ["a.jpg", "c.jpg"]


def test_an_added_word_may_have_a_weight(photos: Path) -> None:
    lexret("words", "edit", photos / "b.jpg", "+dog^0.5", "+traffic lights^0.25")
    shown = json.loads(lexret("words", "edit", "b.jpg", "--json").stdout)
    assert shown == {"id": "b.jpg", "added": {"dog": 0.5, "traffic light": 0.25}, "removed": [],
                     "from_keywords": []}  # fmt: skip
    assert hits("dog?") == ["a.jpg", "b.jpg", "c.jpg"]


def test_explained_products_of_corrected_words_add_up(photos: Path) -> None:
    lexret("words", "edit", "b.jpg", "+dog^0.5")
    (found,) = [one for one in json.loads(lexret("search", "dog?", "--json").stdout)["hits"]
                if one["path"] == "b.jpg"]  # fmt: skip
    assert found["score"] == 0.5 == sum(one["product"] for one in found["words"])


def test_a_muted_word_counts_nowhere_until_it_is_unmuted(photos: Path) -> None:
    assert lexret("vocab", "mute", "dog").stdout == "muted: dog\n"
    assert hits("dog?") == []
    assert hits("path:**", "-dog") == ["a.jpg", "b.jpg", "c.jpg"]
    assert lexret("vocab", "mute", "Beach").stdout == "muted: beach, dog\n"
    assert lexret("vocab", "mute").stdout == "muted: beach, dog\n"
    assert lexret("vocab", "unmute", "dog").stdout == "muted: beach\n"
    assert hits("dog?") == ["a.jpg", "c.jpg"]


def test_a_muted_word_in_a_query_is_noted(photos: Path) -> None:
    assert lexret("search", "dog").stderr == ""
    lexret("vocab", "mute", "dog")
    note = "Note: muted in this index (counts for nothing): dog\n"
    for query in ("a dog", "dog? car", "car? -dog", "(dog OR car)"):
        assert note in lexret("search", query).stderr
    assert lexret("search", "car").stderr == ""


def test_info_tells_what_is_corrected(photos: Path) -> None:
    told = json.loads(lexret("info", "--json").stdout)
    assert (told["corrected_pictures"], told["muted"]) == (0, [])
    assert re.search(r"^muted +none$", lexret("info").stdout, re.MULTILINE)
    lexret("words", "edit", "b.jpg", "+dog")
    lexret("vocab", "mute", "sea", "beach")
    told = json.loads(lexret("info", "--json").stdout)
    assert (told["corrected_pictures"], told["muted"]) == (1, ["beach", "sea"])
    text = lexret("info").stdout
    assert re.search(r"^corrected pictures +1$", text, re.MULTILINE)
    assert re.search(r"^muted +beach, sea$", text, re.MULTILINE)


def test_corrections_of_pictures_that_are_gone_are_not_counted(photos: Path) -> None:
    from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections

    gone = DocumentCorrection({"dog": 1.0})
    change_corrections(photos / ".lexret", lambda now: now.with_document("gone.jpg", gone))
    assert json.loads(lexret("info", "--json").stdout)["corrected_pictures"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["words", "edit", "b.jpg", "+doggg"], "'doggg' is not in the vocabulary"),
        (["words", "edit", "b.jpg", "dog"], "expected +word"),
        (["words", "edit", "b.jpg", "-dog^2"], "expected +word"),
        (["words", "edit", "b.jpg", "+dog", "-dog"], "'dog' named more than once"),
        (["words", "edit", "b.jpg", "+dog^0"], "expected more than 0"),
        (["words", "edit", "none.jpg", "+dog"], "holds no picture 'none.jpg'"),
        (["vocab", "mute", "doggg"], "'doggg' is not in the vocabulary"),
        (["vocab", "unmute", "dog"], "'dog' is not muted"),
    ],
)
def test_wrong_corrections_change_nothing(photos: Path, arguments: list[str], message: str) -> None:
    result = lexret(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (photos / ".lexret" / "corrections.json").exists()


def test_help_of_edit_has_an_example() -> None:
    result = lexret("words", "edit", "--help")
    assert result.exit_code == 0
    assert "lexret words edit photo.jpg +lighthouse" in result.stdout
