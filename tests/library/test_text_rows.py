"""Rows of texts: found by their hashes, and told apart where these are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.library.updating import text_rows
from lexret.library.updating.text_rows import TextRows


@pytest.mark.parametrize("hashed", [hash, len, lambda text: 0])
@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_a_text_is_in_the_last_row_that_holds_it(
    hashed: Callable[[str], int], texts: list[str], others: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(text_rows, "hash", hashed, raising=False)
        rows = TextRows(texts, lambda found: [texts[row] for row in found.tolist()])
        last = {text: row for row, text in enumerate(texts)}
        asked = [*others, *texts]
        assert rows.find(asked).tolist() == [last.get(text, -1) for text in asked]
        assert all((text in rows) == (text in last) for text in asked)
    assert len(rows) == len(texts) and 3 not in rows
