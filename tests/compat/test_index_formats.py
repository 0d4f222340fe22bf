"""Indexes that earlier versions of lexret wrote are read, and can be written on."""

from __future__ import annotations

import shutil
from pathlib import Path

from lexret.index import EmbeddedIndexWriter, open_index
from lexret.index.known import KnownPicture
from lexret.index.protocol import SearchHit
from lexret.sparse import SparseBatch

VERSION_1 = Path(__file__).parent / "index-v1"


def test_version_1_is_read() -> None:
    index = open_index(VERSION_1)
    index.verify()
    assert index.vocabulary.words == ("beach", "dog", "lake", "traffic light")
    assert index.model_id == "fixture-0123456789ab"
    assert (index.manifest.model_source, index.manifest.roots) == ("mini", ("..",))
    assert index.doc_ids() == ["dog.jpg", "light.jpg", "see/lake ä.png"]
    (hits,) = index.search(SparseBatch.from_words([{"dog": 2.0}], index.vocabulary))
    assert hits == [
        SearchHit("dog.jpg", 1.5, 1),
        SearchHit("light.jpg", 1.5, 2),
        SearchHit("see/lake ä.png", 0.5, 3),
    ]
    assert [(one.word, one.weight) for one in index.vector("dog.jpg").words()] == [
        ("dog", 0.75),
        ("beach", 0.5),
    ]
    light = index.document("light.jpg")
    assert (light.fields["camera"], light.fields["exposure"]) == ("Leica", 0.125)
    assert index.document("dog.jpg").fields["camera"] is None
    assert KnownPicture.of(index.document("see/lake ä.png")) == KnownPicture(
        "see/lake ä.png", 1002, 1_750_000_000_000_000_001, f"{2:064x}", 640, 480
    )


def test_version_1_can_be_written_on(tmp_path: Path) -> None:
    path = tmp_path / "index"
    shutil.copytree(VERSION_1, path)
    with EmbeddedIndexWriter.open(path) as writer:
        writer.delete(["dog.jpg"])
        vocabulary = open_index(path).vocabulary
        writer.add(["new.jpg"], SparseBatch.from_words([{"lake": 1.0}], vocabulary))
        writer.commit()
    assert open_index(path).doc_ids() == ["light.jpg", "new.jpg", "see/lake ä.png"]
