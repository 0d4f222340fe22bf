"""Indexes that earlier versions of lexret wrote are read, and can be written on."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.integrity.check import check_index
from lexret.engine.postings.weight_codes import MAX_ERROR
from lexret.errors import CorruptError, LexretError, MissingError
from lexret.library.updating.records import KnownPicture
from lexret.sparse import SparseBatch

HERE = Path(__file__).parent
STORED = ["index-v1", "index-v2", "index-v2-8bit", "index-v3", "index-v3-8bit"]


@pytest.mark.parametrize("name", STORED)
def test_old_indexes_are_read(name: str) -> None:
    index = open_index(HERE / name)
    index.verify()
    assert index.vocabulary.words == ("beach", "dog", "lake", "traffic light")
    assert index.model_id == "fixture-0123456789ab"
    assert index.manifest.precision == "float32"  # which the older ones do not say
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


@pytest.mark.parametrize("name", STORED)
def test_a_commit_gives_old_segments_checksums(tmp_path: Path, name: str) -> None:
    path = tmp_path / "index"
    shutil.copytree(HERE / name, path)
    before = open_index(path)
    with EmbeddedIndexWriter.open(path) as writer:
        writer.add(["new.jpg"], SparseBatch.from_words([{"lake": 1.0}], before.vocabulary))
        writer.commit()
    assert check_index(path).is_whole
    assert (path / "manifest.copy.json").read_bytes() == (path / "manifest.json").read_bytes()
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["version"], "crc32" in manifest) == (3, True)


@pytest.mark.parametrize("name", STORED)
def test_damage_to_old_indexes_ends_in_no_traceback(tmp_path: Path, name: str) -> None:
    """Old manifests have no checksum: what parses is believed, but nothing else may happen."""
    path = tmp_path / "index"
    for file in sorted(file for file in (HERE / name).rglob("*") if file.is_file()):
        data = file.read_bytes()
        if file.name == "lock" or not data:
            continue
        for place in range(0, len(data), max(1, len(data) // 20)):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(HERE / name, path)
            damaged = data[:place] + bytes([data[place] ^ (1 << place % 7)]) + data[place + 1 :]
            (path / file.relative_to(HERE / name)).write_bytes(damaged)
            with contextlib.suppress(LexretError):
                read_everything(path, same_as=None if file.name == "manifest.json" else HERE / name)
            with contextlib.suppress(MissingError, CorruptError):
                check_index(path)


def read_everything(path: Path, *, same_as: Path | None) -> None:
    index = open_index(path)
    found = [index.doc_ids(), list(index.documents())]
    found += [index.vector(doc_id).words() for doc_id in index.doc_ids()]
    found += index.search(SparseBatch.from_words([{"dog": 2.0}], index.vocabulary))
    if same_as is not None:
        whole = open_index(same_as)
        assert found[:2] == [whole.doc_ids(), list(whole.documents())]
        assert found[2:-1] == [whole.vector(doc_id).words() for doc_id in whole.doc_ids()]
