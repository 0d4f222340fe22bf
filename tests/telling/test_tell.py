"""What is told stands on words of the picture, and what stands on none is not told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lexret.telling.language_model import (
    NoProbabilitiesError,
    choose,
    choose_by_writing,
    is_this_machine,
)
from lexret.telling.prompts import Sample
from lexret.telling.tell import TellingWord, answer, caption, plain_caption, told_of


class Copier:
    """Language model that copies the words behind "Input:" or "Condition:" of the last input.

    Args:
        writes: what it writes instead.
        tells: whether it tells how likely texts are.
    """

    name = "copier"

    def __init__(self, writes: str | None = None, *, tells: bool = True) -> None:
        self.writes, self.tells, self.prompts = writes, tells, list[str]()

    def words(self, prompt: str) -> list[str]:
        last = prompt.rpartition("Input: ")[2].rpartition("Condition: ")[2]
        last = last.partition(", output:")[0].partition(". Question")[0]
        return [word.strip() for word in last.split(",") if word.strip()]

    def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        if not self.tells:
            raise NoProbabilitiesError("it does not tell")
        words = self.words(prompt)
        return [
            sum(0.0 if word in words else -5.0 for word in text.replace(",", " ").split())
            for text in continuations
        ]

    def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
        self.prompts.append(prompt)
        return f" {self.writes or ' '.join(self.words(prompt)[:2])}"


WORDS = [TellingWord(word) for word in ("dog", "beach", "sea")]


def test_a_caption_names_the_words_it_stands_on() -> None:
    told = caption(Copier(), WORDS)
    assert told.text == "dog beach"
    assert told.stands_on == ("dog", "beach") and told.words == ("dog", "beach", "sea")


def test_what_stands_on_no_word_is_not_told() -> None:
    told = caption(Copier("castle"), WORDS)
    assert told.text == "" and told.stands_on == () and told.words


def test_a_picture_without_words_is_not_told_and_no_model_is_asked() -> None:
    model = Copier()
    assert caption(model, []).text == answer(model, [], "what?").text == ""
    assert plain_caption([]).text == "" and not model.prompts


def test_a_model_that_tells_no_probabilities_is_told_by_all_its_words() -> None:
    told = caption(Copier(tells=False), WORDS)
    assert told.text == "dog beach" and told.stands_on is None


def test_an_answer_is_chosen_by_the_probability_of_whole_answers() -> None:
    told = answer(Copier("cat"), WORDS, "which animal", choices=["cat", "dog", "sea lion"])
    assert told.text == "dog" and told.stands_on == ("dog",)


def test_without_probabilities_an_answer_is_chosen_by_what_is_written() -> None:
    model = Copier("Dog", tells=False)
    assert answer(model, WORDS, "which", choices=["cat", "dog"]).text == "dog"
    assert answer(Copier("horse", tells=False), WORDS, "which", choices=["cat", "dog"]).text == ""


def test_choices_are_told_with_their_probabilities() -> None:
    assert choose(Copier(), "Input: dog, output:", ["cat", "dog"]).log_probabilities == (-5.0, 0.0)
    assert choose_by_writing(Copier('"cat"'), "Input: dog", ["Cat", "dog"]).text == "Cat"


def test_samples_come_before_the_picture() -> None:
    model = Copier()
    caption(model, WORDS, [Sample("cat, sofa", "A cat sleeps.")])
    assert "Input: cat, sofa, output: A cat sleeps. Input: dog, beach, sea" in model.prompts[0]


def test_places_are_told_together() -> None:
    words = [TellingWord("dog", "left"), TellingWord("sea", "right"), TellingWord("cat", "left")]
    assert told_of(words) == "left: dog, cat; right: sea"


def test_without_a_model_the_surest_words_are_told() -> None:
    words = [TellingWord(word) for word in ("dog", "beach", "dogs", "sea", "sand", "sky", "cloud")]
    assert plain_caption(words).text == "dog, beach, sea, sand, sky"


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:8080", True), ("http://localhost:1", True), ("http://[::1]:80", True),
        ("http://127.0.0.1.example.org", False), ("http://192.168.0.2", False),
        ("http://localhost@example.org", False), ("https://api.example.org/v1", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_this_machine(address: str, here: bool) -> None:
    assert is_this_machine(address) is here
