"""``lexret eval retrieval`` with a tiny model over named pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.eval.group import COMMANDS
from lexret.cli.main import main


def evaluate(*arguments: object) -> Result:
    words = ["eval", "retrieval", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def captions_file(picture_folder: Path) -> Path:
    lines = [
        {"image": "red.png", "captions": ["a red car", "red"]},
        {"image": "blue.jpg", "captions": ["the blue sea"]},
        {"image": "more/noise.png", "captions": ["snow", "a dog on the beach"]},
    ]
    path = picture_folder / "captions.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def test_json_is_what_programs_expect(captions_file: Path, tiny_model_folder: Path) -> None:
    result = evaluate(captions_file, "--model", tiny_model_folder, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    for direction in ("text_to_image", "image_to_text"):
        figures = answer[direction]
        assert 0 <= figures["R@1"] <= figures["R@5"] <= figures["R@10"] <= 100
    assert answer["text_to_image"]["R@5"] == 100.0  # there are three pictures
    assert (answer["num_images"], answer["num_captions"]) == (3, 5)
    assert set(answer["active_words"]) == {"image", "text"}
    assert answer["model"].startswith("tiny-")


def test_the_captions_encoder_is_chosen_and_named(
    captions_file: Path, static_model_folder: Path
) -> None:
    """By default the contextual one, whose figures are the model's own."""
    kinds = {"contextual": [], "static": ["--text-encoder", "static"]}
    found = {}
    for kind, options in kinds.items():
        result = evaluate(captions_file, "--model", static_model_folder, "--json", *options)
        found[kind] = json.loads(result.stdout)
        assert found[kind]["text_encoder"] == kind
    words = [answer["active_words"] for answer in found.values()]
    assert words[0]["image"] == words[1]["image"]
    assert all(0 < figures["text"] <= 12 for figures in words)


def test_words_cut_the_vectors(captions_file: Path, tiny_model_folder: Path) -> None:
    options = ("--words", 4, "--text-words", 2, "--model", tiny_model_folder, "--json")
    answer = json.loads(evaluate(captions_file, *options).stdout)
    assert answer["active_words"] == {"image": 4.0, "text": 2.0}
    assert (answer["words"], answer["text_words"]) == (4, 2)


def test_without_json_there_is_a_table(captions_file: Path, tiny_model_folder: Path) -> None:
    result = evaluate(captions_file.parent, "--model", tiny_model_folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:5] == ["R@1", "R@5", "R@10", "mAP", "median"]
    assert "text -> picture" in result.stdout
    assert "3 pictures, 5 captions, model tiny-" in result.stdout
    assert " (contextual texts)" in result.stdout
    assert "words a vector: " in result.stdout


def test_a_broken_picture_is_an_error_that_names_it(
    captions_file: Path, tiny_model_folder: Path
) -> None:
    (captions_file.parent / "blue.jpg").write_bytes(b"no picture")
    result = evaluate(captions_file, "--model", tiny_model_folder, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: 1 of the 3 pictures cannot be read: ")
    assert "blue.jpg" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jsonl"], "Error: There is no captions file gone.jsonl."),
        (["gone.jsonl", "--words", "0"], "0 is not in the range"),
        ([], "Missing argument 'CAPTIONS'"),
    ],
)
def test_a_wrong_call_is_an_error(arguments: list[str], message: str) -> None:
    result = evaluate(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_unknown_model_is_an_error(captions_file: Path) -> None:
    result = evaluate(captions_file, "--model", "no-such-model")
    assert result.exit_code == 2
    assert "no-such-model" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_measurement_has_help_with_an_example(name: str) -> None:
    assert f"  {name} " in CliRunner().invoke(main, ["eval", "--help"]).stdout
    result = CliRunner().invoke(main, ["eval", name, "--help"])
    assert result.exit_code == 0
    assert f"lexret eval {name}" in result.stdout.partition("Example")[2]
