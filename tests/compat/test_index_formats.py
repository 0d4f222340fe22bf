"""Indexes that earlier versions of lexret wrote are read, and can be written on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.postings.weight_codes import MAX_ERROR
from lexret.library.updating.records import KnownPicture
from lexret.sparse import SparseBatch

HERE = Path(__file__).parent
STORED = ["index-v1", "index-v2", "index-v2-8bit"]


@pytest.mark.parametrize("name", STORED)
def test_old_indexes_are_read(name: str) -> None:
    index = open_index(HERE / name)
    index.verify()
    assert index.vocabulary.words == ("beach", "dog", "lake", "traffic light")
    assert index.model_id == "fixture-0123456789ab"
    assert index.manifest.precision == "float32"  # which they do not say
    assert (index.manifest.model_source, index.manifest.roots) == ("mini", ("..",))
    assert index.doc_ids() == ["dog.jpg", "light.jpg", "see/lake ä.png"]
    (hits,) = index.search(SparseBatch.from_words([{"dog": 2.0}], index.vocabulary))
    error = MAX_ERROR if name.endswith("8bit") else 0.0
    wanted = [("dog.jpg", 1.5), ("light.jpg", 1.5), ("see/lake ä.png", 0.5)]
    assert [hit.doc_id for hit in hits] == [doc_id for doc_id, _ in wanted]
    assert [hit.score for hit in hits] == pytest.approx([one for _, one in wanted], rel=error)
    words = index.vector("dog.jpg").words()
    assert [one.word for one in words] == ["dog", "beach"]
    assert [one.weight for one in words] == pytest.approx([0.75, 0.5], rel=error)
    light = index.document("light.jpg")
    assert (light.fields["camera"], light.fields["exposure"]) == ("Leica", 0.125)
    assert index.document("dog.jpg").fields["camera"] is None
    assert KnownPicture.of(index.document("see/lake ä.png")) == KnownPicture(
        "see/lake ä.png", 1002, 1_750_000_000_000_000_001, f"{2:064x}", 640, 480
    )


@pytest.mark.parametrize("name", STORED)
def test_old_indexes_can_be_written_on(tmp_path: Path, name: str) -> None:
    path = tmp_path / "index"
    shutil.copytree(HERE / name, path)
    with EmbeddedIndexWriter.open(path) as writer:
        writer.delete(["dog.jpg"])
        vocabulary = open_index(path).vocabulary
        writer.add(["new.jpg"], SparseBatch.from_words([{"lake": 1.0}], vocabulary))
        writer.commit()
    assert open_index(path).doc_ids() == ["light.jpg", "new.jpg", "see/lake ä.png"]
