"""Language models of a server that speaks the OpenAI protocol: llama.cpp, Ollama, vLLM."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from lexret.errors import InputError
from lexret.files.text import parse_json
from lexret.telling.language_model import NoProbabilitiesError, is_this_machine

MOST_TOKENS: Final = 60
_SECONDS: Final = 300
_MOST_BYTES: Final = 1 << 24


class _NoRedirects(HTTPRedirectHandler):
    """Handler that refuses redirects: words go only to the address that the user named."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class ServerModel:
    """Language model of a server.

    Args:
        address: ``http://127.0.0.1:8080``, with or without ``/v1``.
        served: which of its models; by default the first that it lists.

    Raises:
        InputError: if the address is invalid, or the server does not answer as expected.
    """

    def __init__(self, address: str, *, served: str | None = None) -> None:
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError as error:
            raise InputError(f"The address {address} has no usable port: {error}.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise InputError(
                f"{address!r} is no address of a server; expected one like http://127.0.0.1:8080."
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path = parts.path.rstrip("/").removesuffix("/v1")
        self._base = f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}/v1"
        self.is_local = is_this_machine(address)
        # A proxy would be another machine.
        handlers: list[Any] = [_NoRedirects(), *([ProxyHandler({})] if self.is_local else [])]
        self._opener: OpenerDirector = build_opener(*handlers)
        self.name = served or self._first_model()

    def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Return the logarithm of the probability of each continuation of a prompt.

        The server is asked to echo the text with the probabilities of its tokens; not all can.

        Raises:
            NoProbabilitiesError: if this one cannot.
        """
        return [self._log_probability(prompt, continuation) for continuation in continuations]

    def _log_probability(self, prompt: str, continuation: str) -> float:
        text = prompt + continuation
        wanted = {"prompt": text, "max_tokens": 0, "echo": True, "logprobs": 1, "temperature": 0}
        choice = self._completion(wanted)
        told: Any = choice.get("logprobs")
        try:
            offsets, values = told["text_offset"], told["token_logprobs"]
            pairs = [
                (offset, value)
                for offset, value in zip(offsets, values, strict=True)
                if offset < len(text)  # some servers write a token more
            ]
            # A token may hold the end of the prompt and the beginning of the continuation.
            ends = [offset for offset, _ in pairs[1:]] + [len(text)]
            scores = [
                float(value)
                for (_, value), end in zip(pairs, ends, strict=True)
                if end > len(prompt)
            ]
            if not scores or pairs[0][0] != 0:
                raise ValueError("the prompt was not echoed")
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise NoProbabilitiesError(
                f"The server at {self._base} does not tell how likely a text is (echo with "
                "logprobs), as llama.cpp and Ollama do not; vLLM does."
            ) from error
        return sum(scores)

    def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
        """Return the likeliest continuation of a prompt, up to but without one of some texts."""
        wanted = {"prompt": prompt, "max_tokens": MOST_TOKENS, "temperature": 0,
                  "stop": list(stop)}  # fmt: skip
        text = self._completion(wanted).get("text")
        if not isinstance(text, str):
            raise InputError(f"The server at {self._base} answered without a text.")
        cut = min((text.find(end) for end in stop if end in text), default=len(text))
        return text[:cut]

    def _completion(self, wanted: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask("completions", {"model": self.name, **wanted})
        try:
            choice = answer["choices"][0]
            if isinstance(choice, dict):
                return choice
        except (TypeError, KeyError, IndexError):
            pass
        raise InputError(f"The server at {self._base} answered without any choice.")

    def _first_model(self) -> str:
        try:
            return str(self._ask("models", None)["data"][0]["id"])
        except (TypeError, KeyError, IndexError) as error:
            raise InputError(f"The server at {self._base} lists no model.") from error

    def _ask(self, what: str, values: dict[str, Any] | None) -> Any:
        data = None if values is None else json.dumps(values).encode()
        request = Request(
            f"{self._base}/{what}", data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return parse_json(response.read(_MOST_BYTES))
        except HTTPError as error:
            said = error.read(300).decode("utf-8", "replace").strip()
            raise InputError(
                f"The server at {self._base} refused with the status {error.code}: "
                f"{said or error.reason}"
            ) from error
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise InputError(
                f"Nobody answers at {self._base}: {reason}. Is the language model's server running?"
            ) from error
        except ValueError as error:
            raise InputError(f"The server at {self._base} answered no JSON: {error}.") from error
