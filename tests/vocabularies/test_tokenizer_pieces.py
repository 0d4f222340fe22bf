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


def test_pieces_that_begin_a_word_come_first_then_others_each_by_their_ids() -> None:
    pieces = ["<s>", "ing", "\u2581the", "\u2581", "Dog", "\u2581dog", "a", "'s", "\u2581\u00dcber"]
    found = llama2_words([*pieces, "3d", "\u0438\u043c", "zz"], size=5)
    assert found == (("the", 2), ("dog", 5), ("\u00fcber", 8), ("ing", 1), ("\u0438\u043c", 10))


def test_of_pieces_that_differ_in_case_the_first_gives_the_place_the_lower_one_the_id() -> None:
    pieces = ["\u2581March", "\u2581dog", "\u2581march", "\u2581MARCH", "Dog", "\u2581Paris"]
    assert llama2_words(pieces, size=3) == (("march", 2), ("dog", 1), ("paris", 5))


def test_too_few_pieces_are_an_error() -> None:
    with pytest.raises(InputError, match="Only 1 words pass the rule; 2 were asked for"):
        llama2_words(["\u2581dog", "1"], size=2)


def test_the_shipped_words_are_those_of_the_tokenizer_by_the_rule() -> None:
    vocabulary = Vocabulary.shipped("llama2-17k")
    assert len(vocabulary) == SIZE == 17_149
    entries = llama2_words(llama2_pieces())
    assert tuple(zip(vocabulary.words, vocabulary.token_ids, strict=True)) == entries


def test_the_shipped_words_hold_everyday_ones() -> None:
    vocabulary = Vocabulary.shipped("llama2-17k")
    for word in ("dog", "beach", "red", "two", "running", "toy", "wooden", "kitchen"):
        assert word in vocabulary
    for word in ("restaurant", "flower", "sheep"):
        assert word in vocabulary


def test_every_shipped_word_is_one_token_and_words_come_before_fragments() -> None:
    vocabulary, pieces = Vocabulary.shipped("llama2-17k"), llama2_pieces()
    own = [pieces[token_id] for token_id in vocabulary.token_ids if token_id is not None]
    assert len(own) == len(vocabulary)
    begins = [piece.startswith("\u2581") for piece in own]
    num_words = sum(begins)
    assert num_words == 12_636
    assert all(begins[:num_words])
    assert not any(begins[num_words:])
    for word, piece in zip(vocabulary, own, strict=True):
        assert piece.removeprefix("\u2581").lower() == word


def test_the_shipped_file_is_the_one_its_record_describes() -> None:
    folder = resources.files("lexret") / "vocabularies"
    record = json.loads((folder / "llama2-17k.json").read_text(encoding="utf-8"))
    content = (folder / "llama2-17k.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert content.count(b"\n") == record["num_words"] == SIZE
    assert record["rule"] == (tokenizer_pieces.__doc__ or "").strip()
    assert "stand-in" in record["note"]
