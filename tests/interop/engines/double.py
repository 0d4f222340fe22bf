"""A double of Elasticsearch and OpenSearch: keeps bulk documents, answers the three searches.

It follows their documentation: a weight keeps 9 significant bits, the score is the dot product in
single precision, ties are sorted as asked for.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np


class Engine:
    """What the double holds: mapping and documents by ``_id``."""

    def __init__(self) -> None:
        self.mapping: dict[str, Any] = {}
        self.documents: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, text: str) -> dict[str, Any]:
        if method == "PUT" and path == "/photos":
            self.mapping = json.loads(text)["mappings"]["properties"]
            return {"acknowledged": True}
        if method == "POST" and path.startswith("/_bulk"):
            lines = [json.loads(line) for line in text.splitlines()]
            assert text.endswith("\n")
            for action, source in zip(lines[::2], lines[1::2], strict=True):
                assert action["index"]["_index"] == "photos"
                self.documents[action["index"]["_id"]] = source
            return {"errors": False}
        assert (method, path) == ("POST", "/photos/_search")
        return self.search(json.loads(text))

    def search(self, body: dict[str, Any]) -> dict[str, Any]:
        weights = self.weights(body["query"])
        assert body["sort"] == [{"_score": "desc"}, {"id": "asc"}]
        hits = []
        for key, source in self.documents.items():
            shared = source["words"].keys() & weights.keys()
            score = sum(kept(source["words"][term]) * weights[term] for term in shared)
            if shared:
                shown = {name: source[name] for name in body["_source"]}
                hits.append({"_id": key, "_score": float(np.float32(score)), "_source": shown})
        hits.sort(key=lambda hit: (-hit["_score"], hit["_source"]["id"].encode()))
        return {"hits": {"hits": hits[: body["size"]]}}

    def weights(self, query: dict[str, Any]) -> dict[str, float]:
        """The weights of a query's terms, whichever search it is; checks that its field fits."""
        ((kind, asked),) = query.items()
        field_type = self.mapping["words"]["type"]
        if kind == "bool":
            clauses = [clause["rank_feature"] for clause in asked["should"]]
            assert all(clause["linear"] == {} for clause in clauses)
            fields = [clause["field"].partition(".") for clause in clauses]
            assert {field[0] for field in fields} == {"words"}
            return {f[2]: c["boost"] for f, c in zip(fields, clauses, strict=True)}
        if kind == "sparse_vector":
            assert field_type == "sparse_vector"
            assert asked["field"] == "words"
            assert asked["prune"] is False
            return dict(asked["query_vector"])
        assert kind == "neural_sparse"
        assert field_type == "rank_features"
        return dict(asked["words"]["query_tokens"])


def kept(weight: float) -> float:
    """A weight with its 9 significant bits, the rest cut off."""
    assert weight > 0
    mantissa, exponent = math.frexp(float(np.float32(weight)))
    return math.ldexp(math.floor(mantissa * 512) / 512, exponent)


@contextmanager
def served() -> Iterator[tuple[str, Engine]]:
    """The double on a port of this machine: its address, and what it holds."""
    engine = Engine()

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            data = json.dumps(engine.answer(self.command, self.path, text)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_PUT = do_POST = reply

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
