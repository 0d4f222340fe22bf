"""Milvus: the recipe of the docs in Milvus Lite, where that is installed."""

from __future__ import annotations

import importlib
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest

from lexret.engine import EmbeddedIndex
from lexret.errors import InputError
from lexret.interop.engines import milvus
from lexret.sparse import SparseBatch
from tests.interop.engines.recipes import assert_same_ranking


def what_is_missing() -> str | None:
    """What keeps Milvus Lite from running here; None: nothing."""
    try:
        version("pymilvus")
        with warnings.catch_warnings(action="ignore"):  # of pkg_resources, which it imports
            importlib.import_module("milvus_lite")
    except (PackageNotFoundError, ImportError) as error:
        return str(error)
    return None


MISSING = what_is_missing()


@pytest.mark.skipif(
    MISSING is not None,
    reason=f"needs pymilvus and milvus-lite, which are no dev dependency: {MISSING}",
)
@pytest.mark.filterwarnings("ignore")  # of its protobuf modules
@pytest.mark.parametrize("number", range(3))
def test_the_recipe_ranks_as_lexret_does(
    number: int, index: EmbeddedIndex, queries: SparseBatch, run_recipe: Any
) -> None:
    query = queries.row(number)
    names = run_recipe("Milvus", query)
    names["client"].close()
    assert_same_ranking(names["hits"], index, query)


def test_rows_leave_out_pictures_without_a_word_and_keep_fields(documents: Any) -> None:
    rows = {row["id"]: row for row in milvus.rows(documents)}
    assert "empty.jpg" not in rows
    assert rows["ä/4.jpg"]["fields"] == {"stars": 4}
    vector = rows["ä/4.jpg"]["words"]
    assert vector[7] == 0.9
    assert 8 not in vector
    assert 9 not in vector  # muted


def test_a_search_drops_nothing_and_asks_for_what_milvus_gives(queries: SparseBatch) -> None:
    asked = milvus.search(queries.row(0), k=5)
    assert asked["search_params"] == {"metric_type": "IP", "params": {"drop_ratio_search": 0.0}}
    assert asked["data"][0].keys() == set(queries.row(0).term_ids.tolist())
    with pytest.raises(InputError, match="16,384"):
        milvus.search(queries.row(0), k=20_000)
