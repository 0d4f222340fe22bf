"""The recipes of docs/backends.md, and what their hits are compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from lexret.engine import EmbeddedIndex
from lexret.engine.protocol import SearchHit
from lexret.sparse import LexicalVector

DOCS = Path(__file__).parents[3] / "docs/backends.md"


def code_below(heading: str) -> str:
    """The first Python example below a heading, up to the next one."""
    text = DOCS.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    found = re.search(r"```python\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    assert found is not None, heading
    return found[1]


def assert_same_ranking(
    hits: Sequence[SearchHit], index: EmbeddedIndex, query: LexicalVector, *, rel: float = 1e-5
) -> None:
    """Hits of another engine are lexret's: the same ids in the same order, the same scores."""
    expected = index.search(query.as_batch(), k=10)[0]
    assert [hit.doc_id for hit in hits] == [hit.doc_id for hit in expected]
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], rel=rel)
    assert [hit.rank for hit in hits] == list(range(1, len(expected) + 1))
