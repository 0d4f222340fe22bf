"""``lexret models make``, and what the other commands do with the model it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from tests.tiny_towers import save_tiny_clip

WORDS = "dog\ncat\nbeach\nred\nblue\ngreen\ngrass\nsnow\n"


def lexret(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("towers") / "clip")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("words") / "words.txt"
    file.write_text(WORDS, encoding="utf-8")
    return file


def test_a_model_is_made_indexed_searched_and_explained(
    towers: Path, words: Path, picture_folder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "my-clip"
    made = lexret("models", "make", model, "--from", towers, "--vocabulary", words, "--json")
    assert made.exit_code == 0, made.output
    values = json.loads(made.stdout)
    assert values["source"] == f"transformers:{towers.resolve()}"
    assert (values["num_words"], values["patches_a_side"]) == (8, 2)
    shown = lexret("models", "show", model)
    assert "2 x 2 patches" in shown.output and values["model_id"] in shown.output
    assert lexret("models", "verify", model).exit_code == 0
    assert values["model_id"] in lexret("models", "list", model).output
    indexed = lexret("index", picture_folder, "--model", model)
    assert indexed.exit_code == 0, indexed.output
    found = lexret("search", "a red dog", "--index", picture_folder, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["hits"]
    photo = next(path for path in picture_folder.rglob("*") if path.suffix in (".jpg", ".png"))
    told = lexret("words", photo, "--model", model)
    assert told.exit_code == 0
    assert set(WORDS.split()) & set(told.output.split())
    explained = lexret("explain", photo, "--model", model, "-o", tmp_path / "out")
    assert explained.exit_code == 0, explained.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "clip"], "expected open_clip:ARCHITECTURE/PRETRAINED"),
        (["--from", "transformers:./nothing-there"], "There is nothing at ./nothing-there"),
        (["--from", "./nothing/there"], "There is no folder"),
        (["--from", "{towers}", "--vocabulary", "none-such"], "none-such"),
        (["--from", "{towers}", "--vocabulary", "{empty}"], "empty"),
        (["--from", "{towers}", "--pictures", "{folder}"], "There is no picture in"),
        (["--from", "{towers}", "--vocabulary", "{words}", "--prompt", "a photo"], "{word}"),
        (["--from", "{towers}", "--words", "0"], "--words"),
        ([], "--from"),
    ],
)
def test_wrong_input_is_told_and_nothing_written(
    arguments: list[str], message: str, towers: Path, words: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    known = {
        "{towers}": str(towers), "{words}": str(words), "{empty}": str(tmp_path / "empty.txt"),
        "{folder}": str(tmp_path / "folder"),
    }  # fmt: skip
    result = lexret("models", "make", tmp_path / "model", *(known.get(a, a) for a in arguments))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not (tmp_path / "model").exists()


def test_a_folder_of_other_files_is_not_replaced(towers: Path, words: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    result = lexret("models", "make", tmp_path, "--from", towers, "--vocabulary", words)
    assert result.exit_code == 2
    assert "holds files that are no model" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_model_is_replaced_only_where_that_is_asked_for(
    towers: Path, words: Path, tmp_path: Path
) -> None:
    arguments = ["models", "make", tmp_path / "model", "--from", towers, "--vocabulary", words]
    assert lexret(*arguments).exit_code == 0
    before = (tmp_path / "model" / "model.json").read_bytes()
    refused = lexret(*arguments, "--words", "2")
    assert refused.exit_code == 2
    assert "holds a model already" in refused.output and "--overwrite" in refused.output
    assert (tmp_path / "model" / "model.json").read_bytes() == before
    assert lexret(*arguments, "--words", "2", "--overwrite").exit_code == 0
    assert (tmp_path / "model" / "model.json").read_bytes() != before


def test_a_made_model_is_not_exported(towers: Path, words: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    lexret("models", "make", model, "--from", towers, "--vocabulary", words, "--no-patches")
    result = lexret("models", "export", model)
    assert result.exit_code == 2
    assert "can be exported" in result.output
