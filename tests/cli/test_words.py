"""``lexret words`` on small pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.pictures.decoding import open_image


def words(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["words", *map(str, arguments)], catch_exceptions=False)


def test_the_table_shows_word_weight_bar_and_patch(
    picture_folder: Path, tiny_model_folder: Path
) -> None:
    picture = picture_folder / "red.png"
    result = words(picture, "--model", tiny_model_folder, "-k", 5)
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["word", "weight", "patch", "of", "3", "x", "3"]
    expected = load_model(tiny_model_folder).images.encode([open_image(picture)]).row(0).words(5)
    assert [row.split("  ")[0].strip() for row in rows] == [one.word for one in expected]
    for row, one in zip(rows, expected, strict=True):
        assert f"{one.weight:.4f}" in row
        assert "\u2588" in row
        place = row.split()[-1].split(",")
        assert all(0 <= int(number) < 3 for number in place)


def test_json_is_what_programs_expect(picture_folder: Path, tiny_model_folder: Path) -> None:
    picture = picture_folder / "blue.jpg"
    result = words(picture, "--model", tiny_model_folder, "--json", "-k", 4)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["image"] == str(picture)
    assert answer["model"] == load_model(tiny_model_folder).model_id
    assert len(answer["words"]) == 4
    assert all(list(one) == ["word", "weight", "held", "patch"] for one in answer["words"])
    assert answer["grid"] == {"rows": 3, "cols": 3}
    assert all(0 <= number < 3 for one in answer["words"] for number in one["patch"])
    weights = [one["weight"] for one in answer["words"]]
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.png", b"", "empty (0 bytes)"),
        ("text.png", b"no picture at all", "not a picture"),
    ],
)
def test_what_is_no_picture_is_refused(
    tmp_path: Path, tiny_model_folder: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = words(tmp_path / name, "--model", tiny_model_folder)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stdout == ""


def test_a_missing_picture_is_refused(tmp_path: Path, tiny_model_folder: Path) -> None:
    result = words(tmp_path / "none.jpg", "--model", tiny_model_folder)
    assert result.exit_code == 2
    assert "There is no picture" in result.stderr


def test_an_unknown_model_is_refused(picture_folder: Path) -> None:
    result = words(picture_folder / "red.png", "--model", "no-such-model")
    assert result.exit_code == 2
    assert "no-such-model" in result.stderr
