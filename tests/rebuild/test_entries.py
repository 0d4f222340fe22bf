"""Entries of the cells: Llama 2's tokens that begin a word."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.encoders.pretrained import LLAMA2_TOKENIZER, verified_path
from lexret.rebuild.entries import begins_word, llama_entries, principal_axes


@pytest.mark.parametrize(
    ("piece", "begins"),
    [("▁dog", True), ("dog", False), ("▁", False), ("▁▁", False), ("<s>", False)],
)
def test_a_piece_begins_a_word_with_the_mark_of_a_space(piece: str, begins: bool) -> None:
    assert begins_word(piece) is begins


def test_a_row_of_cells_read_as_a_text_gives_the_same_tokens() -> None:
    from tokenizers import Tokenizer

    entries = llama_entries()
    tokenizer = Tokenizer.from_file(str(verified_path(LLAMA2_TOKENIZER)))
    chosen = np.random.default_rng(0).choice(len(entries.token_ids), 64)
    text = " ".join(entries.pieces[i] for i in chosen.tolist())
    found = tokenizer.encode(text, add_special_tokens=False).ids
    assert found == entries.token_ids[chosen].tolist()


def test_entries_rise_and_their_vectors_have_length_1_about_their_mean() -> None:
    entries = llama_entries()
    assert len(entries.token_ids) == len(entries.pieces) == len(entries.vectors_EH)
    assert (np.diff(entries.token_ids) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(entries.vectors_EH, axis=1), 1, rtol=1e-5)
    assert entries.pieces[entries.token_ids.tolist().index(11203)] == "dog"


def test_along_principal_axes_entries_are_spread_evenly() -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    vectors *= [5, 4, 3, 2, 1, 0.5]
    vectors -= vectors.mean(0)
    along = vectors @ principal_axes(vectors, 3)
    np.testing.assert_allclose(np.cov(along.T), np.eye(3), atol=0.05)
