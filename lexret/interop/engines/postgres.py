"""Postgres with pgvector 0.7 or later: a table, its rows and a search, by its type sparsevec.

Its indices begin at 1, and a sparsevec holds at most 16,000 weights. Weights and scores are in
single precision, so scores that differ by less than a ten-millionth may change places.
The search reads the whole table, which is exact; pgvector's only index for sparsevec, HNSW, is
approximate and takes vectors of at most 1,000 weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from lexret.errors import InputError
from lexret.interop.engines.shared import FIELD, check_name, numbers_of
from lexret.interop.sparse_documents import SparseDocument
from lexret.sparse import LexicalVector

MAX_WEIGHTS: Final = 16_000


def create_table(num_words: int, *, table: str = "photos") -> str:
    """Return the SQL that makes the extension and an empty table.

    Args:
        num_words: the size of the vocabulary.

    Raises:
        InputError: if the table's name cannot be used.
    """
    check_name(table, what="name of a table")
    return (
        "CREATE EXTENSION IF NOT EXISTS vector;\n"
        f'CREATE TABLE {table} (id text COLLATE "C" PRIMARY KEY, {FIELD} sparsevec({num_words}) '
        "NOT NULL, fields jsonb NOT NULL);\n"
    )


def insert(*, table: str = "photos") -> str:
    """Return the SQL that puts :func:`row`, as drivers with ``%s`` take it."""
    check_name(table, what="name of a table")
    return (
        f"INSERT INTO {table} (id, {FIELD}, fields) VALUES (%s, %s::sparsevec, %s::jsonb) "
        f"ON CONFLICT (id) DO UPDATE SET {FIELD} = EXCLUDED.{FIELD}, fields = EXCLUDED.fields"
    )


def row(document: SparseDocument, *, num_words: int) -> tuple[str, str, str]:
    """Return a picture's id, vector and fields as texts.

    Raises:
        InputError: if it has more than 16,000 words.
    """
    vector = _sparsevec(document.indices, document.values, num_words)
    return document.doc_id, vector, json.dumps(dict(document.fields), ensure_ascii=False)


def query(vector: LexicalVector) -> str:
    """Return a query's vector as a text.

    Raises:
        InputError: if it has no word, or more than 16,000.
    """
    return _sparsevec(*numbers_of(vector), len(vector.vocabulary))


def search(*, table: str = "photos") -> str:
    """Return the SQL of a search, with ``%(query)s`` and ``%(k)s``; its rows are id and score."""
    check_name(table, what="name of a table")
    return (
        f"SELECT id, score FROM (SELECT id, -({FIELD} <#> %(query)s::sparsevec) AS score "
        f"FROM {table}) AS scored WHERE score > 0 ORDER BY score DESC, id LIMIT %(k)s"
    )


def _sparsevec(indices: Iterable[int], values: Iterable[float], num_words: int) -> str:
    cells = [f"{index + 1}:{value!r}" for index, value in zip(indices, values, strict=True)]
    if len(cells) > MAX_WEIGHTS:
        raise InputError(
            f"A vector has {len(cells):,} words; a sparsevec holds at most {MAX_WEIGHTS:,}."
        )
    return f"{{{','.join(cells)}}}/{num_words}"
