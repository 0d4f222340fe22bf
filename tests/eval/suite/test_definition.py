"""Suites: what they may say, and that the recorded ones can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexret.errors import InputError, MissingError
from lexret.eval.suite.definition import load_suite

SUITES = sorted((Path(__file__).parents[3] / "eval" / "suites").glob("*.toml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_recorded_suites_are_valid(path: Path) -> None:
    suite = load_suite(path)
    assert suite.retrieval


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    with pytest.raises(MissingError, match="no suite"):
        load_suite(path)
    path.write_text("[retrieval.a]\nsauce = 'x'\n")
    with pytest.raises(InputError, match=r"retrieval\.a\.sauce: there is no such value"):
        load_suite(path)
    path.write_text("[retrieval")
    with pytest.raises(InputError, match="not valid TOML"):
        load_suite(path)
