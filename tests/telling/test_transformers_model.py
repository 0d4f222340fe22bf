"""Tiny random models of three families: their scores are sums by hand, whatever stands beside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import InputError, MissingError
from lexret.telling.transformers_model import TransformersModel

# The names that transformers has for a model and its values -> the values.
FAMILIES: dict[str, tuple[str, str, dict[str, int]]] = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", {"intermediate_size": 32, "num_hidden_layers": 2,
              "num_attention_heads": 2, "hidden_size": 16}),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {"n_embd": 16, "n_layer": 2, "n_head": 2}),
    "neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", {"intermediate_size": 32,
             "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}),
}  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    size = save_tokenizer(folder)
    declare_missing_operators()
    import transformers

    names, values = FAMILIES[request.param][:2], FAMILIES[request.param][2]
    kind, config = (getattr(transformers, name) for name in names)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(config(vocab_size=size, max_position_embeddings=128, bos_token_id=0,
                            eos_token_id=0, initializer_range=0.3, **values))  # fmt: skip
        model.save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = ["Input: dog, cat, output: a dog runs on the beach. Input: sea, output: the sea."] * 3
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


PROMPT = "Input: dog, cat, output:"
CONTINUATIONS = (" a dog", " the sea and a dog on the beach", " cat", " x", " a", " zebra")


def test_scores_are_the_sums_of_the_tokens_by_hand(folder: Path) -> None:
    model = TransformersModel(str(folder), device="cpu")
    for continuation, score in zip(
        CONTINUATIONS, model.log_probabilities(PROMPT, CONTINUATIONS), strict=True
    ):
        begun = model._tokenizer(PROMPT)["input_ids"]
        ids = model._tokenizer(PROMPT + continuation)["input_ids"]
        assert ids[: len(begun)] == begun
        expected = 0.0
        for at in range(len(begun), len(ids)):
            with torch.inference_mode():
                logits = model._model(input_ids=torch.tensor([ids[:at]])).logits[0, -1]
            expected += float(torch.log_softmax(logits.double(), -1)[ids[at]])
        assert score == pytest.approx(expected, abs=1e-4)


def test_scores_do_not_depend_on_what_is_scored_beside(folder: Path) -> None:
    model = TransformersModel(str(folder), device="cpu")
    together = model.log_probabilities(PROMPT, CONTINUATIONS)
    alone = [model.log_probabilities(PROMPT, [one])[0] for one in CONTINUATIONS]
    assert together == pytest.approx(alone, abs=1e-4)


def test_a_text_is_continued_by_its_likeliest_tokens_up_to_a_stop(folder: Path) -> None:
    model = TransformersModel(str(folder), device="cpu")
    whole = model.continue_text(PROMPT, [])
    ids = model._tokenizer(PROMPT)["input_ids"]
    expected = model._model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=60,
        do_sample=False, pad_token_id=0,
    )[0].tolist()  # fmt: skip
    assert whole == model._text(expected, len(ids))
    stop = whole[3:5]
    assert model.continue_text(PROMPT, [stop]) == whole[: whole.index(stop)]


def test_nothing_to_score_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="prompt and a continuation"):
        TransformersModel(str(folder)).log_probabilities(PROMPT, [""])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot load a causal language model"):
        TransformersModel(str(tmp_path))
    with pytest.raises(MissingError, match="no folder"):
        TransformersModel(str(tmp_path / "nowhere"))
