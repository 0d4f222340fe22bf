"""What a run holds of the pictures that an index knows: some bytes each, and no records."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.errors import CorruptError
from lexret.library.asking.query_fields import KEYWORDS
from lexret.library.updating.known_pictures import KnownPictures, KnownVectors
from lexret.library.updating.records import KnownPicture
from lexret.pictures.exif import CameraTags
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["a", "b"])


def picture(number: int, *, tags: CameraTags | None = None, keywords: str = "") -> KnownPicture:
    sha256 = f"{number // 2:064x}"  # two pictures of each content
    read = CameraTags(camera="Tiny 1", keywords=keywords or None) if tags is None else tags
    path = f"{number % 7}/a rather long name of a photo {number:06}.jpg"
    return KnownPicture(path, number, number * 10, sha256, 4, 3, read, sidecar_ns=0)


def write(path: Path, pictures: list[KnownPicture], *, a_commit: int = 1000) -> None:
    with EmbeddedIndexWriter.create(path, WORDS, model_id="m") as writer:
        for start in range(0, len(pictures), a_commit):
            block = pictures[start : start + a_commit]
            fields: dict[str, list[object]] = {}
            for one in block:
                for name, values in one.as_fields().items():
                    fields.setdefault(name, []).extend(values)
            batch = SparseBatch.from_words([{"a": 1.0 + one.size} for one in block], WORDS)
            writer.add([one.path for one in block], batch, fields=fields)  # type: ignore[arg-type]
            writer.commit()


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("known") / "index"
    write(path, [picture(number) for number in range(6000)])
    with EmbeddedIndexWriter.open(path) as writer:
        writer.delete([picture(number).path for number in range(0, 6000, 9)])
        writer.commit()
    return path


def test_states_records_and_contents_are_those_of_the_index(index_path: Path) -> None:
    known = KnownPictures(open_index(index_path))
    staying = [picture(number) for number in range(6000) if number % 9]
    assert len(known) == len(staying)
    assert sorted(known) == sorted(one.path for one in staying)
    paths = [picture(number).path for number in range(6000)]
    assert known.states_of(["none", *paths]) == [
        None, *((number, number * 10, 0) if number % 9 else None for number in range(6000))
    ]  # fmt: skip
    assert known[paths[1]] == picture(1) and known.get(paths[9]) is None
    assert known.sha256_of(paths[4]) == picture(4).sha256
    order = {path: place for place, path in enumerate(known)}
    for number in (0, 2, 4, 300):  # of the pictures 0 and 300, only one is there
        same = [paths[one] for one in (number, number + 1) if one % 9]
        found = known.path_of_content(picture(number).sha256)
        assert found == max(same, key=order.__getitem__)
    assert known.path_of_content("f" * 64) is None


def test_a_picture_takes_bytes_and_no_record(
    index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KnownPicture, "of", None)
    index = open_index(index_path)
    paths = [picture(number).path for number in range(6000)]
    KnownPictures(index).states_of(paths)  # checks what is read
    tracemalloc.start()
    known = KnownPictures(index)
    assert sum(state is not None for state in known.states_of(paths[:500])) > 400
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    # 12 bytes by id, and 8 for the places of what is live in segments with deletions.
    assert held < 40 * len(known) + 40_000


def test_what_was_stored_in_this_run_is_read_back_from_the_index(tmp_path: Path) -> None:
    vectors = KnownVectors(lambda: open_index(tmp_path / "index"), None, KnownPictures(None))
    pictures = [picture(number) for number in range(0, 40, 2)]
    batch = SparseBatch.from_words([{"a": 1.0 + one.size} for one in pictures], WORDS)
    for one, vector in zip(pictures, batch, strict=True):
        vectors.put(one, vector)
    write(tmp_path / "index", pictures)
    vectors.committed()
    assert not any(isinstance(kept, KnownPicture) for kept in vectors._stored.values())
    found = vectors.get(pictures[7].sha256)
    assert found is not None and pictures[7].sha256 in vectors
    assert found[0] == pictures[7]
    assert found[1].weights.tolist() == [1.0 + pictures[7].size]
    assert vectors.get("f" * 64) is None and "f" * 64 not in vectors


def test_pictures_with_keywords_are_read_a_block_at_a_time(tmp_path: Path) -> None:
    pictures = [picture(number, keywords="dog" if number % 3 == 0 else "") for number in range(50)]
    write(tmp_path / "index", pictures, a_commit=20)
    known = KnownPictures(open_index(tmp_path / "index"))
    found = {one.path: one for one in known.with_any(KEYWORDS, "nothing")}
    assert found == {one.path: one for one in pictures if one.tags and one.tags.keywords}
    assert list(known.with_any()) == []


def test_a_document_that_is_no_picture_is_named(tmp_path: Path) -> None:
    write(tmp_path / "index", [picture(number) for number in range(3)])
    with EmbeddedIndexWriter.open(tmp_path / "index") as writer:
        batch = SparseBatch.from_words([{"a": 1.0}], WORDS)
        writer.add(["other"], batch, fields={"path": ["other"], "size": [1]})
        writer.commit()
    with pytest.raises(CorruptError, match="'other' is no picture's"):
        KnownPictures(open_index(tmp_path / "index"))
    assert np.array_equal(KnownPictures(None)._ends, [0])
