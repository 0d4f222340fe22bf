"""A server that speaks the OpenAI protocol, played by one of this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lexret.errors import InputError
from lexret.telling.language_model import NoProbabilitiesError
from lexret.telling.server_model import ServerModel


class Answers(BaseHTTPRequestHandler):
    """Answers what ``server.say`` says, and notes what was asked in ``server.asked``."""

    server: Any

    def do_GET(self) -> None:
        self._answer({"data": [{"id": "tiny"}, {"id": "other"}]})

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, wanted))
        status, value = self.server.say(wanted)
        if status == 302:
            self.send_response(302)
            self.send_header("Location", "http://192.0.2.1/v1/completions")
            self.end_headers()
            return
        self._answer(value, status)

    def _answer(self, value: object, status: int = 200) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked, server.say = [], lambda wanted: (200, {"choices": [{"text": " a dog. More"}]})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def model_at(server: Any) -> ServerModel:
    return ServerModel(f"http://127.0.0.1:{server.server_address[1]}")


def test_a_text_is_continued_up_to_its_stop(server: Any) -> None:
    model = model_at(server)
    assert model.name == "tiny" and model.is_local
    assert model.continue_text("Input: dog, output:", [".", "\n"]) == " a dog"
    path, wanted = server.asked[0]
    assert path == "/v1/completions" and wanted["model"] == "tiny"
    assert wanted["prompt"] == "Input: dog, output:" and wanted["temperature"] == 0
    assert wanted["stop"] == [".", "\n"]


def echo(wanted: dict[str, Any]) -> tuple[int, object]:
    """Echo a text, each word a token of -1 but the first, and "dog" of -0.25; and one more."""
    text = wanted["prompt"]
    offsets, values, at = [], [], 0
    for word in text.split(" "):
        offsets.append(max(0, at - 1))
        values.append(None if at == 0 else -0.25 if word == "dog" else -1.0)
        at += len(word) + 1
    told = {"text_offset": [*offsets, len(text)], "token_logprobs": [*values, -9.0]}
    return 200, {"choices": [{"text": text, "logprobs": told}]}


def test_probabilities_are_sums_over_the_tokens_of_the_continuation(server: Any) -> None:
    server.say = echo
    scores = model_at(server).log_probabilities("what is it:", [" dog", " big dog"])
    assert scores == [-0.25, -1.25]
    assert server.asked[0][1]["echo"] and server.asked[0][1]["max_tokens"] == 0


@pytest.mark.parametrize("told", [None, {"token_logprobs": [-1.0]}, {"content": []}])
def test_a_server_that_does_not_echo_says_so(server: Any, told: object) -> None:
    server.say = lambda wanted: (200, {"choices": [{"text": "x", "logprobs": told}]})
    with pytest.raises(NoProbabilitiesError, match="does not tell how likely"):
        model_at(server).log_probabilities("a", [" b"])


@pytest.mark.parametrize(
    ("say", "match"),
    [
        ((500, {"error": "out of memory"}), "status 500.*out of memory"),
        ((200, b"<html>"), "no JSON"),
        ((200, {"choices": []}), "without any choice"),
        ((200, {"choices": [{"text": None}]}), "without a text"),
        ((302, None), "status 302"),
    ],
)
def test_what_a_server_does_wrong_is_told_and_words_are_sent_nowhere_else(
    server: Any, say: Any, match: str
) -> None:
    server.say = lambda wanted: say
    with pytest.raises(InputError, match=match):
        model_at(server).continue_text("a", ["."])


@pytest.mark.parametrize("address", ["http://", "ftp://here", "http://127.0.0.1:99999"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="address"):
        ServerModel(address)


def test_nobody_there_is_told() -> None:
    with pytest.raises(InputError, match=r"Nobody answers at http://127\.0\.0\.1:9/v1"):
        ServerModel("http://127.0.0.1:9")
