"""Newer commits and corrections are found while the server runs; requests keep their snapshot."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from lexret.encoders import load_model
from lexret.engine.corrections.corrections import change_corrections
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import MismatchError, MissingError
from lexret.library.library import Library
from lexret.sparse import SparseBatch


@pytest.fixture
def place(tmp_path: Path, static_model_folder: Path) -> Path:
    add(tmp_path / "index", static_model_folder, ["first.jpg"], new=True)
    return tmp_path / "index"


def add(place: Path, model_folder: Path, ids: list[str], *, new: bool = False) -> None:
    model = load_model(model_folder)
    make: Callable[..., EmbeddedIndexWriter] = EmbeddedIndexWriter.open
    settings: dict[str, Any] = {}
    if new:
        make = EmbeddedIndexWriter.create
        settings = {"model_id": model.model_id, "model_source": str(model_folder), "roots": [".."]}
    arguments = (place, model.vocabulary) if new else (place,)
    with make(*arguments, **settings) as writer:
        writer.add(ids, SparseBatch.from_words([{"dog": 1.0}] * len(ids), model.vocabulary))
        writer.commit()


def test_a_newer_commit_is_found_and_the_old_snapshot_stays(
    place: Path, static_model_folder: Path
) -> None:
    library = Library.open(place)
    old = library.snapshot()
    add(place, static_model_folder, ["second.jpg"])
    until(lambda: len(library.snapshot().index) == 2)
    assert len(old.index) == 1 and old.index.doc_ids() == ["first.jpg"]


def test_a_correction_is_found(place: Path) -> None:
    library = Library.open(place)
    assert len(library.snapshot().index.vector("first.jpg")) == 1
    change_corrections(place, lambda now: now.with_muted(frozenset({"dog"})))
    until(lambda: len(library.snapshot().index.vector("first.jpg")) == 0)


def test_a_damaged_commit_does_not_end_the_service(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = Library.open(place)
    (place / "manifest.json").write_text("{", encoding="utf-8")
    time.sleep(0.3)
    assert len(library.snapshot().index) == 1
    assert "cannot be read" in caplog.text


def test_a_wrong_model_and_a_missing_index_are_told(tmp_path: Path, place: Path) -> None:
    with pytest.raises(MismatchError, match="made with the model"):
        Library.open(place, model="mini").encoders()
    with pytest.raises(MissingError):
        Library.open(tmp_path / "nothing")


def test_words_are_completed_shortest_first(place: Path) -> None:
    snapshot = Library.open(place).snapshot()
    assert snapshot.complete("s", k=3) == ["sea", "sky", "sun"]
    assert snapshot.complete("traf", k=3) == ["traffic light"]
    assert snapshot.complete("light", k=5) == ["light", "traffic light"]
    assert snapshot.complete("  ", k=5) == []


def test_nothing_is_lost_or_mixed_up_while_the_index_is_committed(
    place: Path, static_model_folder: Path, serve_library: Any
) -> None:
    """Every answer is exactly what the commit held that it names."""
    held: dict[int, int] = {1: 1}
    stop, answers, errors = threading.Event(), [], []

    def ask(address: tuple[str, int]) -> None:
        connection = http.client.HTTPConnection(*address, timeout=30)
        while not stop.is_set():
            connection.request("GET", "/api/search?q=dog&k=200")
            answer = connection.getresponse()
            body = json.loads(answer.read())
            if answer.status != 200:
                errors.append(body)
            answers.append((body["commit"], body["pictures"], len(body["hits"])))
        connection.close()

    with serve_library(Library.open(place)) as address:
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(6)]
        for one in threads:
            one.start()
        for number in range(2, 14):
            add(place, static_model_folder, [f"{number}-{i}.jpg" for i in range(5)])
            held[number] = held[number - 1] + 5
            time.sleep(0.15)
        time.sleep(0.4)
        stop.set()
        for one in threads:
            one.join()
    assert not errors
    assert len({commit for commit, _, _ in answers}) > 3
    assert answers[-1][0] == 13
    for commit, pictures, num_hits in answers:
        assert pictures == num_hits == held[commit]


def test_a_damaged_index_is_told_with_a_way_on_and_without_its_path(
    place: Path, serve_library: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for file in place.glob("segments/*/weights.bin"):
        file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
    with serve_library(Library.open(place)) as address:
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", "/api/search?q=dog")
        answer = connection.getresponse()
        error = json.loads(answer.read())["error"]
        connection.close()
    assert answer.status == 500
    assert "lexret check" in error and "lexret repair" in error
    assert str(place) not in error
    assert "weights.bin is damaged" in caplog.text
