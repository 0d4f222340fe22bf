"""Which of several indexes a document is taken from."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexret.engine import EmbeddedIndex, EmbeddedIndexWriter
from lexret.errors import InputError
from lexret.library.updating import owners
from lexret.library.updating.owners import Owners


def make(path: Path, words, batch, changed: dict[str, int | None], roots: tuple[str, ...] = ("/",)):
    with EmbeddedIndexWriter.create(path, words, model_id="m", roots=roots) as writer:
        vectors = batch(*({"dog": 1.0} for _ in changed))
        writer.add(list(changed), vectors, fields={"mtime_ns": list(changed.values())})
        writer.commit()
    return EmbeddedIndex(path)


def taken(found: Owners, indexes: list[EmbeddedIndex]) -> list[set[str | None]]:
    return [
        {found.chosen(number)(document) for document in index.documents()} - {None}
        for number, index in enumerate(indexes)
    ]


def test_the_latest_change_counts_and_of_equals_the_first(tmp_path: Path, words, batch) -> None:
    one = make(tmp_path / "1", words, batch, {"a": 5, "b": 5, "c": 5, "d": None, "e": 1})
    two = make(tmp_path / "2", words, batch, {"a": 6, "b": 4, "c": 5, "d": 1, "f": 1})
    indexes = [one, two]
    found = Owners(indexes, [lambda doc_id: doc_id] * 2)
    assert taken(found, indexes) == [{"b", "c", "e"}, {"a", "d", "f"}]
    assert found.num_shared == 4
    assert "f" in found
    assert "g" not in found
    assert None not in found


def test_ids_go_by_what_they_become_and_some_become_none(tmp_path: Path, words, batch) -> None:
    one = make(tmp_path / "1", words, batch, {"a": 1, "b": 1})
    two = make(tmp_path / "2", words, batch, {"x": 2, "y": 2})
    found = Owners([one, two], [{"a": "n/a"}.get, {"x": "n/a", "y": "n/y"}.get])
    assert taken(found, [one, two]) == [set(), {"n/a", "n/y"}]
    assert ("b" in found, "n/a" in found) == (False, True)


def test_ids_of_one_hash_are_told_apart(
    tmp_path: Path, words, batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "_hash", lambda doc_id: len(doc_id))
    one = make(tmp_path / "1", words, batch, {"a": 1, "b": 1, "cc": 1})
    two = make(tmp_path / "2", words, batch, {"d": 2, "b": 2})
    found = Owners([one, two], [lambda doc_id: doc_id] * 2)
    assert taken(found, [one, two]) == [{"a", "cc"}, {"d", "b"}]
    assert found.num_shared == 1


def test_ids_that_no_two_have_are_not_held(tmp_path: Path, words, batch) -> None:
    indexes = [
        make(tmp_path / str(n), words, batch, {f"{n}-{i}": i for i in range(9)}, roots=())
        for n in range(3)
    ]
    found = Owners(indexes, [lambda doc_id: doc_id] * 3)
    assert not found._owner
    assert found.num_shared == 0
    assert sum(map(len, taken(found, indexes))) == 27
    indexes.append(make(tmp_path / "again", words, batch, {"1-3": 3}, roots=()))
    with pytest.raises(InputError, match=r"1 ids are in several .*'1-3'"):
        Owners(indexes, [lambda doc_id: doc_id] * 4)
