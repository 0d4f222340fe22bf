"""The Lucene mirror of an index that was corrected."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexret.engine import open_index
from lexret.engine.corrections.corrections import change_corrections
from lexret.errors import InputError
from lexret.interop.lucene_mirror import LuceneMirror
from tests.engine.conftest import MakeBatch, MakeIndex


def test_a_backend_that_knows_no_corrections_says_so(
    tmp_path: Path, batch: MakeBatch, make_index: MakeIndex
) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 0.5}))
    change_corrections(tmp_path, lambda now: now.with_muted(frozenset({"dog"})))
    with pytest.raises(InputError, match="corrected or muted"):
        LuceneMirror(open_index(tmp_path))
