"""What a query that finds nothing would find without a condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.library.asking.question import Question
from lexret.library.library import Library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, static_model_folder: Path) -> Library:
    folder = tmp_path_factory.mktemp("relaxing")
    for seed in range(6):
        noise = np.random.default_rng(seed).integers(0, 256, (30, 40 + seed, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{seed}.png")
    return Library.create(folder, model=str(static_model_folder))


def relaxed(library: Library, text: str) -> list[tuple[str, tuple[str, ...], int]]:
    found = library.relax(Question(text), library.snapshot())
    return [(one.text, one.left_out, one.num_hits) for one in found]


def test_one_condition_is_left_out_at_a_time_the_fewest_hits_first(library: Library) -> None:
    assert relaxed(library, "path:1.png width:41 width:45..") == [
        ("path:1.png width:41", ("width:45..",), 1),
    ]
    assert relaxed(library, 'path:"?.png" width:..42 -path:*.png') == [
        ('path:"?.png" width:..42', ("-path:*.png",), 3),
    ]
    assert relaxed(library, "width:44.. height:31 ") == [("width:44..", ("height:31",), 2)]


def test_where_no_single_condition_is_in_the_way_all_are_left_out(library: Library) -> None:
    word = library.words("1.png", 1)[0].word
    text = f"{word} width:1 height:1"
    ((query, left_out, number),) = relaxed(library, text)
    assert (query, left_out) == (word, ("width:1", "height:1")) and number >= 1


def test_a_sign_goes_with_its_word_and_its_brackets(library: Library) -> None:
    held = library.words("1.png", 1)[0].word
    found = relaxed(library, f"-({held} OR {held}) path:1.png")
    assert found[0] == ("path:1.png", (f"-({held} OR {held})",), 1)


def test_a_required_word_stays_as_a_wish(library: Library) -> None:
    held, other = (word.word for word in library.words("1.png")[::10][:2])
    found = relaxed(library, f"+{held} +{other}>9")
    assert found and all(left_out == (f"+{other}>9",) for _, left_out, _ in found)


def test_nothing_is_left_of_a_single_condition(library: Library) -> None:
    assert relaxed(library, "width:1") == []


def test_a_plain_text_has_no_condition_to_leave_out(library: Library) -> None:
    assert relaxed(library, library.words("1.png", 1)[0].word) == []


def test_a_picture_is_encoded_once_for_all_that_is_tried(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = library.encoders().images()
    encode, calls = images.encode, []

    def counted(pictures: list[Image.Image]) -> object:
        calls.append(len(pictures))
        return encode(pictures)

    monkeypatch.setattr(type(images), "encode", lambda _self, pictures: counted(pictures))
    first, second = (Image.new("RGB", (60, 40), colour) for colour in ("red", "blue"))
    question = Question.of("width:1 height:1", image=[first, second])
    (found,) = library.relax(question, library.snapshot())
    assert (found.text, found.left_out) == ("", ("width:1", "height:1"))
    assert calls == [1, 1]
