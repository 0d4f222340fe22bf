"""The commands ``lexret check`` and ``lexret repair``, and what others say of a damaged index."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main


def lexret(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def flip(folder: Path, pattern: str, place: int) -> Path:
    path = max((folder / ".lexret").glob(pattern), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    return path


def test_a_whole_index_is_said_to_be_whole(indexed: Path) -> None:
    result = lexret("check", indexed)
    assert result.exit_code == 0
    assert "is whole: 3 pictures, 1 segment" in result.stdout
    values = json.loads(lexret("check", indexed / ".lexret", "--json").stdout)
    assert (values["whole"], values["damage"], values["pictures"]) == (True, [], 3)
    result = lexret("repair", indexed)
    assert (result.exit_code, "nothing was done" in result.stdout) == (0, True)


def test_damage_is_named_with_what_it_touches_and_what_to_do(indexed: Path) -> None:
    path = flip(indexed, "segments/*/weights.bin", 0)
    result = lexret("check", indexed)
    assert result.exit_code == 1
    assert path.relative_to(indexed / ".lexret").as_posix() in result.stdout
    assert "(words and weights of the 3 documents" in result.stdout
    assert "`lexret repair`" in result.stdout and "`lexret index`" in result.stdout
    result = lexret("check", "--index", indexed, "--json")
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    assert (values["whole"], len(values["damage"])) == (False, 1)
    assert values["damage"][0]["file"].endswith("/weights.bin")


def test_a_damaged_index_is_repaired_and_the_rest_encoded(
    indexed: Path, tiny_model_folder: Path
) -> None:
    picture = indexed / "red.png"
    like = ("search", "--like", picture, "--index", indexed, "--json")
    before = lexret(*like).stdout
    assert len(json.loads(before)["hits"]) > 0
    flip(indexed, "segments/*/weights.bin", 0)
    planned = lexret("repair", indexed, "--dry-run")
    assert planned.exit_code == 1
    assert "To be encoded again: " in planned.stdout
    assert "would be whole again and hold 3 pictures." in planned.stdout
    assert lexret("check", indexed).exit_code == 1  # nothing was done
    done = lexret("repair", indexed, "--json")
    assert done.exit_code == 1
    values = json.loads(done.stdout)
    assert values["to_encode"] and values["usable"]
    assert Path(values["kept_in"]).is_dir()
    told = lexret("check", indexed)
    assert told.exit_code == 0
    assert f"encodes the {len(values['to_encode'])} picture" in told.stdout
    result = lexret("index", indexed, "--model", tiny_model_folder)
    assert result.exit_code == 0, result.output
    assert f"{len(values['to_encode'])} picture" in result.stdout
    assert lexret(*like).stdout == before
    assert "wait" not in lexret("check", indexed).stdout


def test_own_fields_that_are_lost_are_named(indexed: Path) -> None:
    lexret("fields", "set", indexed / "red.png", "place=Nice", "--index", indexed / ".lexret")
    (path,) = (
        path for path in (indexed / ".lexret").glob("segments/*/documents.bin")
        if b"Nice" in path.read_bytes()
    )  # fmt: skip
    path.write_bytes(path.read_bytes().replace(b"Nice", b"Rice"))
    result = lexret("repair", indexed)
    assert result.exit_code == 1, result.output
    assert "The field 'place' is lost of " in result.stdout
    assert "red.png" in result.stdout


def test_an_index_of_which_nothing_is_left_is_told(indexed: Path) -> None:
    for name in ("manifest.json", "manifest.copy.json"):
        flip(indexed, name, 40)
    assert lexret("check", indexed).exit_code == 1
    for options in (("--dry-run",), ()):
        result = lexret("repair", indexed, *options)
        assert result.exit_code == 1
        assert "Make it anew with `lexret index DIR`" in result.stdout
    assert lexret("check", indexed).exit_code == 2


@pytest.mark.parametrize("command", ["check", "repair"])
def test_no_index_is_an_error(command: str, tmp_path: Path) -> None:
    result = lexret(command, tmp_path)
    assert result.exit_code == 2
    assert "There is no index" in result.stderr


@pytest.mark.parametrize(
    "ask",
    [
        lambda folder: ("search", "red", "--index", folder),
        lambda folder: ("search", "--like", folder / "red.png", "--index", folder),
        lambda folder: ("info", "--index", folder, "--verify"),
        lambda folder: ("export", "ciff", folder, "-o", folder / "out"),
        lambda folder: ("duplicates", "--near", "0.9", "--index", folder),
    ],
)
def test_every_command_says_the_same_of_damage(
    indexed: Path, ask: Callable[[Path], tuple[object, ...]]
) -> None:
    flip(indexed, "segments/*/lows.bin", 0)
    flip(indexed, "segments/*/sides.bin", 0)
    flip(indexed, "segments/*/weights.bin", 0)
    result = lexret(*ask(indexed))
    assert result.exit_code == 2, result.output
    assert " is damaged: " in result.stderr
    assert "`lexret check`" in result.stderr and "`lexret repair`" in result.stderr


def test_damaged_manifests_are_told_by_every_command(indexed: Path) -> None:
    path = indexed / ".lexret" / "manifest.json"
    for damage in (b"", b"{", b"[" * 100_000, b"\xff", b"null", path.read_bytes()[:-3]):
        path.write_bytes(damage)
        for ask in (("search", "x"), ("info",), ("fields", "list")):
            result = lexret(*ask, "--index", indexed / ".lexret")
            assert result.exit_code == 2, result.output
            assert "manifest.json is damaged" in result.stderr
    assert lexret("repair", indexed).exit_code == 0
    assert lexret("check", indexed).exit_code == 0


def test_damaged_corrections_are_told_and_restored(indexed: Path) -> None:
    edit = ("words", "edit", indexed / "red.png", "--index", indexed)
    assert lexret(*edit, "+dog^0.5").exit_code == 0
    path = indexed / ".lexret" / "corrections.json"
    whole = path.read_bytes()
    for damage in (b"", b"{}", b"[" * 100_000, whole.replace(b"0.5", b"0.7"), whole[:-3]):
        path.write_bytes(damage)
        for ask in (("search", "dog", "--index", indexed), (*edit, "+cat")):
            result = lexret(*ask)
            assert result.exit_code == 2, result.output
            assert "corrections.json is damaged" in result.stderr
        assert path.read_bytes() == damage
    result = lexret("repair", indexed)
    assert (result.exit_code, path.read_bytes()) == (0, whole)
    assert "Restored without loss: corrections.json" in result.stdout
