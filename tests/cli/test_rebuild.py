"""``lexret rebuild``, and training and measuring what it draws with."""

# ruff: noqa: F811 (fixtures are imported, and named by tests)

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.library.library import Library
from tests.rebuild.conftest import (  # noqa: F401
    TINY_NETWORK,
    captions_file,
    decoder_folder,
    entries,
    few_entries,
    lexical,
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def test_a_picture_of_an_index_is_drawn_from_its_words_and_cells(
    indexed: Path,
    decoder_folder: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.png"
    result = run("rebuild", "red.png", "-o", out, "--index", indexed, "--decoder", decoder_folder,
                 "--words", 2, "--words", 5)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}: original, 2 words, 5 words, 16 cells, words and cells\n"
    with Image.open(out) as drawing:
        assert drawing.width == 12 + 5 * (192 + 12)
    views = Library.open(indexed).rebuild("red.png", words=[2, 5], decoder=decoder_folder)
    assert views.png() == out.read_bytes()


def test_the_index_alone_gives_what_words_remember(
    indexed: Path,
    decoder_folder: Path,
    tmp_path: Path,
) -> None:
    arguments = ["rebuild", "--index", indexed, "--decoder", decoder_folder, "--json"]
    with_file = json.loads(run(*arguments, "red.png").stdout)
    assert len(with_file["cells"]) == len(with_file["cells"][0]) == 4
    (indexed / "red.png").unlink()
    gone = run(*arguments, "red.png")
    assert gone.exit_code == 0
    assert "The file of red.png is not there" in gone.stderr
    told = run(*arguments, "red.png", "--words-only", "-o", tmp_path / "o.png")
    assert told.stderr == ""
    values = json.loads(told.stdout)
    assert values == {**json.loads(gone.stdout), "output": str(tmp_path / "o.png")}
    assert values["cells"] is None
    assert values["views"] == [label for label in with_file["views"] if label.endswith("words")]


def test_a_file_of_no_index_is_drawn_too(
    picture_folder: Path, decoder_folder: Path, tiny_model_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = run("rebuild", picture_folder / "blue.jpg", "-o", "o.png", "--decoder",
                 decoder_folder, "--model", tiny_model_folder)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (tmp_path / "o.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["red.png"], "Name the file to write"),
        (["missing.png", "-o", "o.png"], "There is no picture missing.png"),
        (["missing.png", "-o", "o.png", "--words-only"], "holds no picture 'missing.png'"),
        (["red.png", "-o", "o.png", "--words", "0"], "0 is not in the range"),
        (["red.png", "-o", "o.png", "--decoder", "nowhere"], "no rebuilding model in nowhere"),
        (["red.png", "-o", "nowhere/o.png", "--words-only"], "there is no folder nowhere"),
        (["red.png", "-o", "o.jpg"], "expected a name that ends in .png"),
    ],
)
def test_what_is_wrong_is_said(
    indexed: Path, decoder_folder: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(indexed)
    if "--decoder" not in arguments:
        arguments = [*arguments, "--decoder", str(decoder_folder)]
    result = run("rebuild", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (indexed / "o.png").exists()


@pytest.mark.parametrize("place", [".", ".."])
@pytest.mark.parametrize("arguments", [["--words-only"], []])
def test_a_drawing_never_takes_the_place_of_its_picture(
    indexed: Path, decoder_folder: Path, monkeypatch: pytest.MonkeyPatch,
    place: str, arguments: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(indexed / place)
    before = (indexed / "red.png").read_bytes()
    result = run("rebuild", "red.png", "-o", indexed / "red.png", "--index", indexed,
                 "--decoder", decoder_folder, "--force", *arguments)  # fmt: skip
    assert result.exit_code == 2
    assert "is the picture itself" in result.stderr
    assert (indexed / "red.png").read_bytes() == before


def test_a_file_that_is_there_is_replaced_where_that_is_said(
    indexed: Path, decoder_folder: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"mine")
    arguments = ["rebuild", "red.png", "-o", mine, "--index", indexed, "--decoder", decoder_folder]
    result = run(*arguments)
    assert result.exit_code == 2
    assert "mine.png is there already" in result.stderr and "--force" in result.stderr
    assert mine.read_bytes() == b"mine"
    assert run(*arguments, "--force").exit_code == 0
    assert mine.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_read_is_named(
    indexed: Path,
    decoder_folder: Path,
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    result = run("rebuild", broken, "-o", tmp_path / "o.png", "--index", indexed,
                 "--decoder", decoder_folder)  # fmt: skip
    assert result.exit_code == 2
    assert "broken.png" in result.stderr


def test_a_recipe_of_the_kind_is_trained_exported_and_measured(
    captions_file: Path, tiny_model_folder: Path, tmp_path: Path,
    few_entries: None,
    static_model_folder: Path,
) -> None:  # fmt: skip
    recipe = tmp_path / "tiny.toml"
    recipe.write_text('kind = "rebuild"\n', encoding="utf-8")
    sets = [f"model={static_model_folder}", f"data.train=['{captions_file}']",
            "network.side=16", "network.widths=[8,16]", "network.blocks=1",
            "network.attention_heads=2", "network.cells.grid=4", "network.soft.num_tokens=2",
            "train.steps=2", "train.batch_size=4", "train.precision=float32"]  # fmt: skip
    call = ["train", recipe, "--run", tmp_path / "run", "--device", "cpu"]
    call += [part for value in sets for part in ("--set", value)]
    stopped = run(*call, "--stop-after", 1)
    assert "Stopped after step 1; go on with the same command" in stopped.stdout, stopped.output
    done = run(*call)
    assert done.exit_code == 0, done.output
    model = tmp_path / "run" / "model"
    assert f"--decoder {model}" in done.stdout
    assert (model / "decoder.onnx").is_file()
    measured = run("eval", "rebuild", captions_file, "--decoder", model, "--cache",
                   tmp_path / "cache", "--model", static_model_folder, "--pictures", 4,
                   "--json")  # fmt: skip
    assert measured.exit_code == 0, measured.output
    found = json.loads(measured.stdout)["rebuilt"]
    assert {"the originals, reduced", "64 words", "cells", "1 soft", "nothing"} <= found.keys()
    assert found["the originals, reduced"]["psnr"] > found["cells"]["psnr"]
    table = run("eval", "rebuild", captions_file, "--decoder", model, "--cache",
                tmp_path / "cache", "--model", static_model_folder, "--pictures", 4)  # fmt: skip
    assert table.stdout.startswith("tokens")
    mixed = run("eval", "rebuild", captions_file, "--decoder", model, "--cache",
                tmp_path / "cache", "--model", static_model_folder, "--pictures", 4,
                "--mixed")  # fmt: skip
    assert mixed.exit_code == 2
    assert "The captions give no mixed query" in mixed.stderr


def test_a_wrong_value_of_a_recipe_is_named(tmp_path: Path) -> None:
    recipe = tmp_path / "wrong.toml"
    recipe.write_text('kind = "rebuild"\n[train]\nstep = 3\n', encoding="utf-8")
    result = run("train", recipe)
    assert result.exit_code == 2
    assert "train.step: there is no such value; did you mean steps?" in result.stderr
    other = run("train", recipe, "--set", "kind=rebuilt")
    assert other.exit_code == 2
