"""Pretrained text transformers through transformers, with LoRA through peft."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from lexret.config import Matrix, TextConfig
from lexret.encoders.pretrained import MINILM, MINILM_TOKENIZER, verified_path
from lexret.encoders.text.token_matrix import prediction_rows, word_rows
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import CorruptError, InputError, MissingError
from lexret.vocabulary import Vocabulary


class TextTransformer(nn.Module):
    """Transformer that gives each text one pooled vector.

    Only LoRA's weights are trainable; with ``lora_rank = 0`` none are.

    Raises:
        MissingError: if the model cannot be found, with what was tried.
        CorruptError: if its weights are damaged or incomplete.
        InputError: if it is of an unknown kind or LoRA does not fit it.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        declare_missing_operators()
        self._tokenizer, net = _load(config.backbone, getattr(torch, config.dtype))
        # Transformers with absolute positions allow no other side.
        self._tokenizer.padding_side = "right"
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.hidden_size = int(net.config.hidden_size)
        net.requires_grad_(False)
        self.net = with_lora(net, config) if config.lora_rank else net

    @property
    def tokenizer(self) -> Any:
        """The backbone's tokenizer, of transformers; do not change it."""
        return self._tokenizer

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return (B, H) pooled hidden states of the last layer."""
        device = next(self.net.parameters()).device
        tokens = self._tokenizer(
            self._prompts(texts),
            padding=True,
            truncation=True,
            max_length=self.config.max_tokens,
            return_tensors="pt",
        ).to(device)
        hidden_BTH = self.net(**tokens).last_hidden_state
        if self.config.dtype != "float32":
            hidden_BTH = hidden_BTH.float()
        mask_BT1 = tokens["attention_mask"].unsqueeze(-1).to(hidden_BTH.dtype)
        if self.config.pooling == "mean":
            return cast(Tensor, (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1))
        last_B = tokens["attention_mask"].sum(1) - 1  # padding is on the right
        return cast(Tensor, hidden_BTH[torch.arange(len(last_B), device=device), last_B])

    def checkpoint_gradients(self) -> None:
        """Compute activations again in backward instead of keeping them (Chen et al., 2016).

        Raises:
            InputError: if the transformer's class cannot.
        """
        net = cast(Any, self.net)
        # Decoders would keep keys and values for a next word; here there is none.
        net.config.use_cache = False
        try:
            if hasattr(net, "activation_checkpointing_enable"):
                net.activation_checkpointing_enable()
            else:  # transformers before 5
                arguments = {"use_reentrant": False}
                net.gradient_checkpointing_enable(gradient_checkpointing_kwargs=arguments)
        except ValueError as error:
            raise InputError(f"train.gradient_checkpointing: {error}") from error

    def _prompts(self, texts: Sequence[str]) -> list[str]:
        """Put the texts into the prompt; a text that is too long loses its end."""
        prompt = self.config.prompt
        if prompt == "{text}":
            return list(texts)
        # One token of leeway: at its edge the cut may split what was a single token.
        used = len(self._tokenizer(prompt.replace("{text}", ""))["input_ids"]) + 1
        num_tokens = max(self.config.max_tokens - used, 1)
        spans = self._tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        cut = [
            text[: span[num_tokens - 1][1]] if len(span) > num_tokens else text
            for text, span in zip(texts, spans, strict=True)
        ]
        return [prompt.replace("{text}", text) for text in cut]

    def word_vectors(self, vocabulary: Vocabulary, matrix: Matrix = "input_embeddings") -> Tensor:
        """Return (V, H): for each word its token's row of a matrix, or the mean of its tokens'.

        Raises:
            InputError: if the model has no such matrix, or the vocabulary carries the ids of
                another tokenizer.
            CorruptError: if the matrix cannot be read.
        """
        net = cast(Any, self.net)
        rows_TH: Tensor = (
            net.get_input_embeddings().weight.detach()
            if matrix == "input_embeddings"
            else prediction_rows(net, _source(self.config.backbone))
        )

        def tokens(word: str) -> list[int]:
            found: list[int] = self._tokenizer(word, add_special_tokens=False)["input_ids"]
            return found

        return word_rows(vocabulary, rows_TH, self._tokenizer, tokens)


def with_lora(net: Any, config: TextConfig) -> nn.Module:
    """Wrap a transformer with LoRA adapters (Hu et al., 2021); its own weights stay frozen.

    Raises:
        InputError: if no module has one of the target names.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.lora_targets),
        task_type=TaskType.FEATURE_EXTRACTION,
    )
    try:
        with quiet_transformers():
            return cast(nn.Module, get_peft_model(net, lora))
    except ValueError as error:
        raise InputError(f"LoRA does not fit the text model: {error}") from error


def _load(backbone: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return tokenizer and transformer."""
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    source = _source(backbone)
    is_here = Path(source).is_dir()  # then the hub is asked for nothing
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=is_here)
            net, info = AutoModel.from_pretrained(
                source,
                use_safetensors=True,
                dtype=dtype,
                output_loading_info=True,
                local_files_only=is_here,
            )
    except OSError as error:
        raise MissingError(
            f"Cannot load the text model {backbone!r}: {error}. Give a local folder "
            "with config.json, tokenizer files and model.safetensors, or a hub name."
        ) from error
    except SafetensorError as error:
        raise CorruptError(f"The weights of {backbone!r} are damaged: {error}.") from error
    except ValueError as error:
        raise InputError(f"transformers cannot use the text model {backbone!r}: {error}") from error
    # lexret pools the hidden states itself; many encoders come without a trained pooler.
    missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise CorruptError(f"The weights of {backbone!r} lack {missing}.")
    return tokenizer, net


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep the loaders' progress bars, reports and deprecation notes from the user's screen.

    What the reports tell (missing weights) is checked by :func:`_load`, and the notes are about
    calls between transformers and peft. Everything is as before afterwards.
    """
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _source(backbone: str) -> str:
    if backbone == f"package:{MINILM.package}":
        verified_path(MINILM_TOKENIZER)
        return str(verified_path(MINILM).parent)
    if backbone.startswith("package:"):
        raise InputError(
            f"Unknown text package {backbone!r}; known: package:{MINILM.package}. "
            "Give a local folder or a hub name otherwise."
        )
    return str(Path(backbone)) if Path(backbone).is_dir() else backbone
