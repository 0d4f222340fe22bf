"""The rule of llama2-17k, and that the shipped file is what the rule gives."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import pytest

from lexret.errors import InputError
from lexret.vocabularies import tokenizer_pieces
from lexret.vocabularies.tokenizer_pieces import SIZE, llama2_pieces, llama2_words
from lexret.vocabulary import Vocabulary


def test_pieces_become_lower_case_words_in_the_order_of_their_ids() -> None:
    pieces = ["<s>", "\u2581the", "\u2581", "Dog", "\u2581dog", "a", "'s", "\u2581\u00dcber", "3d"]
    assert llama2_words([*pieces, "\u0438\u043c", "zz"], size=4) == (
        *("the", "dog", "\u00fcber"),
        "\u0438\u043c",
    )


def test_too_few_pieces_are_an_error() -> None:
    with pytest.raises(InputError, match="Only 1 words pass the rule; 2 were asked for"):
        llama2_words(["\u2581dog", "1"], size=2)


def test_the_shipped_words_are_those_of_the_tokenizer_by_the_rule() -> None:
    vocabulary = Vocabulary.shipped("llama2-17k")
    assert len(vocabulary) == SIZE == 17_149
    assert vocabulary.words == llama2_words(llama2_pieces())
    for word in ("dog", "beach", "red", "two", "running"):
        assert word in vocabulary


def test_the_shipped_file_is_the_one_its_record_describes() -> None:
    folder = resources.files("lexret") / "vocabularies"
    record = json.loads((folder / "llama2-17k.json").read_text(encoding="utf-8"))
    content = (folder / "llama2-17k.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert content.count(b"\n") == record["num_words"] == SIZE
    assert record["rule"] == (tokenizer_pieces.__doc__ or "").strip()
    assert "stand-in" in record["note"]
