"""Protocols of language models that read a picture's words."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from lexret.errors import InputError

Where = Literal["first", "inside", "alone"]


class LanguageModel(Protocol):
    """Model that continues texts."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Return the logarithm of the probability of each continuation of a prompt.

        That is the sum over all tokens of the continuation.

        Raises:
            NoProbabilitiesError: if the model does not give probabilities.
        """
        ...

    def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
        """Return the likeliest continuation of a prompt, up to but without one of some texts."""
        ...


@runtime_checkable
class TokenModel(Protocol):
    """Language model that reads and continues tokens by their ids; models of servers cannot."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def num_tokens(self) -> int:
        """Size of its vocabulary."""
        ...

    def token_ids(self, text: str, *, where: Where) -> list[int]:
        """Return the tokens of a text.

        Args:
            where: ``first``: it begins the prompt, with the model's own mark of a beginning;
                ``inside``: it follows other tokens; ``alone``: it is split by itself, which for
                some models puts a blank before it.
        """
        ...

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """Return the texts of tokens, as the vocabulary writes them."""
        ...

    def continue_tokens(
        self, ids: Sequence[int], num: int, allowed: Sequence[int] | None
    ) -> list[int]:
        """Return the ``num`` likeliest tokens that follow, one after the other.

        Args:
            allowed: the tokens to choose from; None: all.

        Raises:
            InputError: if that is more than the model reads.
        """
        ...


def require_token_model(model: LanguageModel) -> TokenModel:
    """Return a model that continues tokens; raises InputError where it continues texts only."""
    if isinstance(model, TokenModel):
        return model
    raise InputError(
        f"Cells are continued by a language model that transformers loads from a folder; "
        f"{model.name} of a server takes texts only."
    )


class NoProbabilitiesError(InputError):
    """A language model gives no probabilities of texts."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several texts that a model chose.

    Attributes:
        text: that text; None: what the model wrote is none of them.
        log_probabilities: of each text; empty where the model wrote, and was not asked for them.
    """

    text: str | None
    log_probabilities: tuple[float, ...]


def choose(model: LanguageModel, prompt: str, texts: Sequence[str]) -> Choice:
    """Let a model choose one of several texts, each scored as a whole.

    Raises:
        NoProbabilitiesError: if the model gives no probabilities of texts.
    """
    scores = model.log_probabilities(prompt, [f" {text}" for text in texts])
    best = max(range(len(texts)), key=scores.__getitem__)
    return Choice(texts[best], tuple(scores))


def choose_by_writing(model: LanguageModel, prompt: str, texts: Sequence[str]) -> Choice:
    """Let a model write, and take the text that it writes.

    As in the V2L Tokenizer's evaluation, only a text that is written in full counts.
    """
    written = model.continue_text(prompt, [".", "\n"]).strip().strip("\"'\u201c\u201d").casefold()
    found = [text for text in texts if text.casefold() == written]
    return Choice(found[0] if found else None, ())


def is_this_machine(address: str) -> bool:
    """Whether a server's address is this machine's own."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
