"""``lexret caption`` and ``lexret ask``: from a file, from an index, with a model and without."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lexret import Library
from lexret.cli.main import main
from lexret.errors import InputError, MissingError
from lexret.library.fields import set_fields
from lexret.telling import opening
from lexret.telling.tell import Told


class Copier:
    """Language model that says the first word that it was told."""

    name = "copier"

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def first(self, prompt: str) -> str:
        last = prompt.rpartition("Input: ")[2].rpartition("Condition: ")[2]
        return last.partition(",")[0].partition(".")[0].rpartition(":")[2].strip()

    def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        return [0.0 if self.first(prompt) in text.split() else -9.0 for text in continuations]

    def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
        self.prompts.append(prompt)
        return f" {self.first(prompt)}"


@pytest.fixture
def copier(monkeypatch: pytest.MonkeyPatch) -> Copier:
    copier = Copier()
    monkeypatch.setattr(opening, "open_language_model", lambda place, served: copier)
    return copier


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_picture_of_the_index_is_told_without_opening_it(indexed: Path, tmp_path: Path) -> None:
    picture = indexed / "red.png"
    before = told("caption", picture, "--index", indexed)
    (indexed / "red.png").unlink()
    assert told("caption", picture, "--index", indexed) == before
    assert before["words"] and before["text"] == ", ".join(before["words"])
    assert before["language_model"] is None


def test_a_file_that_is_in_no_index_is_told(
    picture_folder: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture_folder)
    assert told("caption", "blue.jpg", "--model", tiny_model_folder)["words"]


def test_a_corrected_word_is_no_part_of_a_caption(indexed: Path) -> None:
    first = told("caption", "red.png", "--index", indexed)["words"][0]
    run("words", "edit", "red.png", f"-{first}", "--index", indexed)
    assert first not in told("caption", "red.png", "--index", indexed)["words"]


def test_a_model_reads_the_words_and_the_captions_that_people_gave(
    indexed: Path, copier: Copier
) -> None:
    set_fields(indexed / ".lexret", {"blue.jpg": {"caption": "A blue square."}})
    found = told("caption", "red.png", "--index", indexed, "--lm", "any")
    assert found["text"] == found["words"][0] == found["stands_on"][0]
    assert found["language_model"] == "copier"
    assert "output: A blue square. Input: " in copier.prompts[0]
    told("caption", "blue.jpg", "--index", indexed, "--lm", "any")
    assert "A blue square" not in copier.prompts[1]  # its own is not given away


def test_a_question_is_answered_by_the_words_and_says_which(indexed: Path, copier: Copier) -> None:
    words = told("caption", "red.png", "--index", indexed)["words"]
    answers = ["--choice", "nothing", "--choice", words[0]]
    result = run("ask", "red.png", "what is it?", *answers, "--lm", "x", "--index", indexed)
    assert result.stdout == f"{words[0]}\n  because of: {words[0]}\n"
    assert told("ask", "red.png", "what?", "--lm", "x", "--index", indexed)["text"] == words[0]


def test_python_tells_and_answers_the_same(indexed: Path, copier: Copier) -> None:
    library = Library.open(indexed)
    plain = library.caption("red.png")
    by_command = told("caption", "red.png", "--index", indexed)
    assert (plain.text, list(plain.words)) == (by_command["text"], by_command["words"])
    set_fields(indexed / ".lexret", {"blue.jpg": {"caption": "A blue square."}})
    library = Library.open(indexed)
    places: Any = {"choices": ["red", "blue"], "places": True}
    answers = ["--places", "--choice", "red", "--choice", "blue"]
    calls: list[tuple[list[str], Callable[[], Told]]] = [
        (["caption", "red.png"], lambda: library.caption(indexed / "red.png", lm=copier)),
        (["caption", "red.png"], lambda: library.caption("red.png", lm="any")),
        (["ask", "red.png", "what?"], lambda: library.ask("red.png", " what? ", lm="any")),
        (["ask", "red.png", "?", *answers], lambda: library.ask("red.png", "?", lm="x", **places)),
    ]
    for arguments, call in calls:
        copier.prompts.clear()
        found = call()
        by_python = copier.prompts.copy()
        copier.prompts.clear()
        result = run(*arguments, "--lm", "any", "--index", indexed, "--json")
        by_command = json.loads(result.stdout)
        assert (found.text or None, list(found.words)) == (by_command["text"], by_command["words"])
        assert list(found.stands_on or ()) == by_command["stands_on"]
        assert copier.prompts == by_python


def test_python_refuses_what_the_command_refuses(indexed: Path, copier: Copier) -> None:
    library = Library.open(indexed)
    for call, said in (
        (lambda: library.caption("red.png", lm_name="tiny"), "give the server's address as lm="),
        (lambda: library.caption("red.png", lm=copier, lm_name="tiny"), "address as lm="),
        (lambda: library.ask("red.png", " ", lm=copier), "question is empty"),
        (lambda: library.ask("red.png", "what?", lm=copier, choices=["a"]), "no choice"),
        (lambda: library.ask("red.png", "what?", lm=copier, choices="ab"), "list of answers"),
        (lambda: library.ask("red.png", "what?", lm=None), "name one as lm="),
    ):
        with pytest.raises(InputError, match=said):
            call()
    with pytest.raises(MissingError, match="no picture nowhere"):
        library.caption("nowhere.jpg")


def test_places_are_told_from_the_file(indexed: Path, copier: Copier) -> None:
    told("ask", "red.png", "where?", "--places", "--lm", "x", "--index", indexed)
    assert any(f"{place}: " in copier.prompts[0] for place in ("left", "middle", "right"))


def test_nothing_is_told_where_no_answer_stands_on_the_words(indexed: Path, copier: Copier) -> None:
    answers = ["--choice", "this", "--choice", "that"]
    result = run("ask", "red.png", "what?", *answers, "--lm", "x", "--index", indexed)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no answer stands on its words" in result.stderr


def test_words_that_leave_this_machine_are_told_of(indexed: Path, copier: Copier) -> None:
    there = run("caption", "red.png", "--lm", "http://192.0.2.1:80", "--index", indexed)
    assert "leave this machine" in there.stderr and "192.0.2.1" in there.stderr
    here = run("caption", "red.png", "--lm", "http://127.0.0.1:80", "--index", indexed)
    assert here.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["caption", "nowhere.jpg"], "no picture nowhere.jpg"),
        (["ask", "red.png", "what?"], "name one with --lm, or LEXRET_LM"),
        (["ask", "red.png", " ", "--lm", "x"], "question is empty"),
        (["ask", "red.png", "what?", "--choice", "a", "--lm", "x"], "One answer is no choice"),
        (["caption", "red.png", "--lm", "./nowhere"], "no folder ./nowhere"),
        (["caption", "red.png", "--lm", "http://127.0.0.1:9"], "Nobody answers"),
        (["caption", "red.png", "--lm-name", "tiny"], "give its address with --lm, or LEXRET_LM"),
        (["caption", "red.png", "--lm", "./x", "--lm-name", "tiny"], "./x is no address of a serv"),
        (["ask", "red.png", "what?", "--lm", "ftp://x"], "ftp://x is no language model; expected"),
        (["caption", "red.png", "--lm", "file:///lm"], "file:///lm is no language model; expected"),
    ],
)
def test_wrong_calls_say_what_to_do(indexed: Path, arguments: list[str], said: str) -> None:
    result = run(*arguments, "--index", indexed)
    assert result.exit_code == 2 and said in result.stderr


def test_without_an_index_nothing_is_made(picture_folder: Path, tiny_model_folder: Path) -> None:
    run("caption", picture_folder / "red.png", "--model", tiny_model_folder)
    assert not (picture_folder / ".lexret").exists()
