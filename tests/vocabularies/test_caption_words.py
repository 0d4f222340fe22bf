"""A vocabulary of one's own, from captions and a word list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lexret.errors import InputError, MissingError
from lexret.vocabularies.caption_words import caption_vocabulary, read_caption_texts, read_word_list

PICTURES = [
    ["A dog on the beach.", "A dog runs"],
    ["Two dogs and a dog", "x 3 beach"],
    ["Der Hund \u00fcber dem beach"],
    ["ein Hund"],
]


def test_words_of_enough_pictures_come_by_falling_number_then_alphabet() -> None:
    assert caption_vocabulary(PICTURES, size=9) == ("beach", "dog", "hund")
    assert caption_vocabulary(PICTURES, size=2) == ("beach", "dog")
    everything = caption_vocabulary(PICTURES, size=99, min_pictures=1)
    assert "\u00fcber" in everything
    assert not {"x", "3", "the", "and"} & set(everything)


def test_the_words_of_a_list_stand_first_and_count() -> None:
    words = caption_vocabulary(PICTURES, size=3, first_words=("hot dog", "dog"))
    assert words == ("hot dog", "dog", "beach")
    with pytest.raises(InputError, match="holds 2 words, more than the 1"):
        caption_vocabulary(PICTURES, size=1, first_words=("hot dog", "dog"))


def test_no_word_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="captions of 9 pictures"):
        caption_vocabulary(PICTURES, size=3, min_pictures=9)


def test_a_word_list_is_cleaned(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeffDog\n\n  hot   DOG \ndog\n", encoding="utf-8")
    assert read_word_list(file) == ("dog", "hot dog")
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        read_word_list(file)
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_word_list(file)
    with pytest.raises(MissingError, match="no file"):
        read_word_list(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_word_list(tmp_path)


def test_captions_are_read_from_a_captions_file_or_a_text_file(
    picture_folder: Path, tmp_path: Path
) -> None:
    line = json.dumps({"image": "red.png", "captions": ["a red one", "red"]})
    (picture_folder / "captions.jsonl").write_text(line, encoding="utf-8")
    assert read_caption_texts(str(picture_folder)) == [("a red one", "red")]
    texts = tmp_path / "texts.txt"
    texts.write_text("a dog\n\na cat\n", encoding="utf-8")
    assert read_caption_texts(str(texts)) == [("a dog",), ("a cat",)]
    texts.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        read_caption_texts(str(texts))
