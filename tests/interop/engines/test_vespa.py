"""Vespa: bodies as its documentation describes them; a small reader computes the same ranking."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lexret.engine import EmbeddedIndex
from lexret.errors import InputError
from lexret.interop.engines import vespa
from lexret.interop.engines.shared import ranked
from lexret.sparse import SparseBatch
from tests.interop.engines.recipes import assert_same_ranking


def test_feed_and_query_of_the_recipe_say_what_lexret_ranks_by(
    index: EmbeddedIndex, queries: SparseBatch, run_recipe: Any, tmp_path: Path
) -> None:
    """`sum(query(q) * attribute(words))` and the drop limit, computed from what Vespa is told."""
    query = queries.row(1)
    body = run_recipe("Vespa", query)["body"]
    assert body["ranking"] == "words"
    assert body["hits"] == 10
    asked = cells_of(body["input.query(q)"])
    found = []
    for line in (tmp_path / "feed.jsonl").read_text(encoding="utf-8").splitlines():
        put = json.loads(line)
        assert put["put"] == f"id:photos:photo::{put['fields']['id']}"
        cells = put["fields"]["words"]["cells"]
        score = sum(weight * asked.get(term, 0.0) for term, weight in cells.items())
        if score > 0:
            found.append((put["fields"]["id"], score))
    assert_same_ranking(ranked(found)[:10], index, query)
    schema = (tmp_path / "photo.sd").read_text(encoding="utf-8")
    assert "schema photo {\n    document photo {" in schema
    assert "query(q) tensor<float>(word{})" in schema
    assert "expression: sum(query(q) * attribute(words))" in schema
    assert schema.count("{") == schema.count("}")


def cells_of(literal: str) -> dict[str, float]:
    """Read a tensor in its literal form, {{word:t1}:0.5,...}."""
    assert re.fullmatch(r"\{(\{word:t\d+\}:[0-9.e-]+,?)*\}", literal)
    return {
        term: float(weight) for term, weight in re.findall(r"word:(t\d+)\}:([0-9.e-]+)", literal)
    }


def test_a_name_that_is_none_is_refused(queries: SparseBatch) -> None:
    with pytest.raises(InputError, match="name of a schema"):
        vespa.schema("my photos")
    with pytest.raises(InputError, match="name of a schema"):
        vespa.query(queries.row(0), name="photo where true; --")
