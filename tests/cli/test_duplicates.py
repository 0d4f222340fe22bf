"""``lexret duplicates``, ``lexret merge`` and ``lexret fields`` over named pictures."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sealing import change_sealed

from lexret.cli.main import main
from lexret.engine import open_index


def lexret(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def doubled(indexed: Path) -> Path:
    """The index holds red.png twice, once under a name that is no UTF-8."""
    shutil.copy2(indexed / "red.png", indexed / "more" / os.fsdecode(b"r\xe9d copy.png"))
    assert lexret("index", indexed).exit_code == 0
    return indexed


def test_none_exits_with_1(indexed: Path) -> None:
    result = lexret("duplicates", indexed)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No two pictures among 3 have the same content." in result.stderr
    result = lexret("duplicates", indexed, "--json")
    assert (result.exit_code, json.loads(result.stdout)["groups"]) == (1, [])


def test_duplicates_are_listed(doubled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(doubled)
    result = lexret("duplicates")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1].split()[:4] == ["1", "48", "x", "32"]
    assert lines[1].endswith("red.png")
    assert lines[-1].startswith("1 group; 1 picture (")
    size = (doubled / "red.png").stat().st_size
    values = json.loads(lexret("duplicates", "--json").stdout)
    assert (values["extra_pictures"], values["extra_bytes"]) == (1, size)
    assert values["groups"][0][0]["path"] == "red.png"


def test_the_extra_paths_can_be_given_to_other_programs(
    doubled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(doubled)
    assert lexret("duplicates", "--paths", "-0").stdout_bytes == b"more/r\xe9d copy.png\0"
    assert lexret("duplicates", "--paths").stdout_bytes == b"more/r\xe9d copy.png\n"


def test_an_extra_path_that_holds_a_line_break_is_not_taken_for_two(
    doubled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(doubled)
    shutil.copy2("red.png", "more/two\nlines.png")
    assert lexret("index").exit_code == 0
    result = lexret("duplicates", "--paths")
    assert (result.exit_code, result.stdout_bytes) == (2, b"more/r\xe9d copy.png\n")
    assert "Left out: more/two\ufffdlines.png" in result.stderr
    assert b"more/two\nlines.png\0" in lexret("duplicates", "--paths", "-0").stdout_bytes


def test_nearly_the_same_pictures_are_listed_with_their_cosine(doubled: Path) -> None:
    result = lexret("duplicates", doubled, "--near", "0.99")
    assert result.exit_code == 0
    assert "cosine" in result.stdout
    assert "1.0000" in result.stdout
    values = json.loads(lexret("duplicates", doubled, "--near", "0.0001", "--json").stdout)
    assert len(values["groups"][0]) == 4


@pytest.mark.parametrize(
    "arguments", [["--near", "1.5"], ["-0"], ["--paths", "--json"], ["x", "--index", "y"]]
)
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    assert lexret("duplicates", *arguments).exit_code == 2


def test_two_indexes_are_merged(
    indexed: Path, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(indexed, tmp_path / "other", ignore=shutil.ignore_patterns(".lexret"))
    lexret("index", tmp_path / "other", "--model", tiny_model_folder)
    monkeypatch.chdir(tmp_path)
    result = lexret("merge", indexed, "other", "-o", "all")
    assert result.exit_code == 0, result.output
    assert result.stdout == "6 pictures in all, of:\n  pictures\n  other\n"
    assert "6 unchanged; 0 pictures encoded" in lexret("index", "--index", "all").stdout
    assert len(json.loads(lexret("duplicates", "all", "--json").stdout)["groups"]) == 3
    values = json.loads(lexret("merge", "other", "pictures", "-o", "more", "--json").stdout)
    roots = ["other", "pictures"]
    assert values == {"index": "more", "pictures": 6, "shared": 0, "carried": 0, "roots": roots}
    assert lexret("merge", "other", "-o", "x").exit_code == 2


def test_an_index_in_the_way_of_a_merged_one_is_kept_and_the_told_command_replaces_it(
    indexed: Path, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("other", "third"):
        shutil.copytree(indexed, tmp_path / name, ignore=shutil.ignore_patterns(".lexret"))
        lexret("index", tmp_path / name, "--model", tiny_model_folder)
    monkeypatch.chdir(tmp_path)
    refused = lexret("merge", "other", "third", "-o", "pictures")
    assert refused.exit_code == 2
    assert "There is an index at pictures/.lexret already" in refused.stderr
    (told,) = re.findall(r"`lexret (merge .*?)`", refused.stderr)
    done = lexret(*told.replace("...", "other third").split())
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("9 pictures in pictures/.lexret")


def test_indexes_of_two_models_are_not_merged(indexed: Path, tmp_path: Path) -> None:
    shutil.copytree(indexed / ".lexret", tmp_path / "other")
    manifest = tmp_path / "other" / "manifest.json"
    change_sealed(manifest, model_id="another-1")
    result = lexret("merge", indexed, tmp_path / "other", "-o", tmp_path / "all")
    assert result.exit_code == 2
    assert open_index(indexed / ".lexret").model_id in result.stderr
    assert "another-1" in result.stderr


def test_fields_are_set_listed_and_searched(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed)
    result = lexret("fields", "set", "red.png", "more/noise.png", "stars=5", "place=Nice, sea")
    assert (result.exit_code, result.stdout) == (0, "2 pictures changed\n")
    assert json.loads(lexret("fields", "set", "blue.jpg", "stars=1", "--json").stdout) == {
        "changed": 1
    }
    found = json.loads(lexret("search", "stars:2..", "place:*sea", "--json").stdout)
    assert [one["path"] for one in found["hits"]] == ["more/noise.png", "red.png"]
    listed = {one["name"]: one for one in json.loads(lexret("fields", "list", "--json").stdout)}
    assert listed["stars"] == {"name": "stars", "type": "int64", "pictures": 3, "own": True}
    assert listed["width"]["own"] is False
    assert "stars" in lexret("fields", "list").stdout
    lexret("fields", "set", "red.png", "stars=")
    assert "more/noise.png" in lexret("search", "stars:2..").stdout
    assert "red.png" not in lexret("search", "stars:2..").stdout


def test_a_value_of_another_type_is_refused(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed)
    lexret("fields", "set", "red.png", "stars=5")
    for arguments, message in (
        (["red.png", "stars=many"], "'stars' is a whole number in this index; found 'many'"),
        (["red.png", "size=3"], "belongs to `lexret index`"),
        (["gone.png", "stars=3"], "holds no picture 'gone.png'"),
        (["stars=3"], "Expected pictures"),
    ):
        result = lexret("fields", "set", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr


def test_fields_are_loaded_from_a_table(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(indexed)
    table = tmp_path / "fields.csv"
    table.write_text("path,stars\nred.png,5\ngone.png,1\n")
    result = lexret("fields", "load", table)
    assert result.exit_code == 2
    assert "names 1 picture that the index at" in result.stderr
    assert "in line 3: 'gone.png'. Nothing was changed" in result.stderr
    result = lexret("fields", "load", table, "--skip-unknown")
    assert result.stdout == "1 picture changed, 1 unknown one left out\n"
    result = lexret("fields", "load", table, "--skip-unknown", "--json")
    assert json.loads(result.stdout) == {"changed": 0, "unknown": ["gone.png"]}
