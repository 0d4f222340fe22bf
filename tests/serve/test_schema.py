"""The API does what its schema says: over requests that schemathesis makes up of that schema."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, assume, given, settings
from PIL import Image

from lexret.library.library import Library

schemathesis = pytest.importorskip(
    "schemathesis", reason="needs schemathesis: pip install schemathesis"
)

EXAMPLES_AN_OPERATION = 15
PICTURES = {"a.jpg": (200, 30, 30), "b/ü.png": (30, 200, 30), "c.gif": (30, 30, 200)}


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, index_of: Any, serve_library: Any
) -> Iterator[Any]:
    """The schema of a server over three pictures, whose ids are among its examples."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "b").mkdir()
    for name, colour in PICTURES.items():
        Image.new("RGB", (64, 48), colour).save(folder / name)
    index_of(folder)
    with serve_library(Library.open(folder), max_upload_bytes=100_000) as (host, port):
        address = f"http://{host}:{port}"
        with urllib.request.urlopen(f"{address}/api/openapi.json") as answer:
            described = json.load(answer)
        add_examples(described)
        found = schemathesis.openapi.from_dict(described)
        found.config.update(base_url=address)
        yield found


def add_examples(described: dict[str, Any]) -> None:
    """Give the parameters values that are those of this index: others are mostly not found."""
    known = {
        "id": [*PICTURES, "gone.jpg", "bytes:%FF.jpg", "../a.jpg", "/etc/passwd"],
        "like": ["a.jpg", "gone.jpg", ""],
        "q": [
            "dog",
            "+dog (beach OR sea) -car",
            "size:1..",
            '"red car"^2',
            "(",
            "path:**/*.png",
            "",
        ],
        "box": ["0,0,10,10", "1,1,1000,1000", "0,0,0,0", "-1,2,3", "nan,0,1,1", ""],
        "patch": ["0,0", "2,2", "9999,9999"],
        "key": ["0" * 32, ""],
        "side": [160, 480, 0, -1],
    }
    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                values = known.get(parameter["name"], [])
                if values:
                    parameter["examples"] = {
                        f"known {number}": {"value": value} for number, value in enumerate(values)
                    }


def operations(api: Any) -> Iterator[Any]:
    """What the schema describes, one address and method each."""
    for result in api.get_all_operations():
        yield result.ok()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_the_api_does_what_its_schema_says(api: Any, mode: str) -> None:
    """With values that the schema allows, and with some that it does not."""
    kind = getattr(schemathesis.GenerationMode, mode.upper())
    # A query that is a text may still break the rules of the query language.
    excluded = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    labels = []
    for operation in operations(api):
        labels.append(operation.label)
        if mode == "negative" and not operation.query:
            continue

        @settings(
            max_examples=EXAMPLES_AN_OPERATION,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=kind))
        def ask(case: Any) -> None:
            # A longer address is not taken for HTTP: h11 reads 64 kB of a request's head.
            assume(len(urlencode(case.query or {}, doseq=True)) < 50_000)
            case.call_and_validate(excluded_checks=excluded)

        ask()
    assert {"GET /api/search", "POST /api/uploads", "GET /picture"} <= set(labels)
