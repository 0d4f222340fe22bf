"""Pictures that are there twice: by content, and by nearly the same vectors."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lexret.engine import open_index, vectors
from lexret.errors import CorruptError, InputError
from lexret.library import duplicates
from lexret.library.duplicates import nearly_same, same_content
from lexret.library.updating.indexing import index_folders
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


def paint(path: Path, colour: tuple[int, int, int], size: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), colour).save(path)


def ids(groups) -> list[list[str]]:
    return [[one.doc_id for one in group.pictures] for group in groups]


def fields_of(sizes: list[int]) -> dict[str, list[object]]:
    n = len(sizes)
    return {
        "path": [f"{i:03d}" for i in range(n)],
        "size": sizes,
        "mtime_ns": [1] * n,
        "sha256": [f"{i:064x}" for i in range(n)],
        "width": [4] * n,
        "height": [4] * n,
    }


def test_files_of_the_same_content_are_found_over_all_folders(tmp_path: Path, colours) -> None:
    paint(tmp_path / "p" / "red.png", (200, 1, 1))
    paint(tmp_path / "p" / "green.png", (1, 200, 1))
    (tmp_path / "q").mkdir()
    shutil.copy(tmp_path / "p" / "red.png", tmp_path / "q" / "a.png")
    shutil.copy(tmp_path / "p" / "red.png", tmp_path / "p" / "another.png")
    for name, moment in {"p/red.png": 30, "q/a.png": 20, "p/another.png": 20}.items():
        os.utime(tmp_path / name, (moment, moment))
    index_folders([tmp_path / "p", tmp_path / "q"], tmp_path / ".lexret", colours)
    groups = same_content(open_index(tmp_path / ".lexret"))
    assert ids(groups) == [["../q/a.png", "another.png", "red.png"]]
    assert [one.doc_id for one in groups[0].extra] == ["another.png", "red.png"]


def test_one_file_under_two_paths_is_no_duplicate(tmp_path: Path, colours) -> None:
    paint(tmp_path / "p" / "red.png", (200, 1, 1))
    (tmp_path / "p" / "link.png").symlink_to("red.png")
    index_folders([tmp_path / "p"], tmp_path / "index", colours)
    assert len(open_index(tmp_path / "index")) == 2
    assert same_content(open_index(tmp_path / "index")) == []
    assert nearly_same(open_index(tmp_path / "index"), min_cosine=0.9) == []


def test_nearly_the_same_pictures_are_found_the_largest_first(tmp_path: Path, colours) -> None:
    paint(tmp_path / "small.png", (200, 10, 10))
    paint(tmp_path / "large.png", (198, 12, 10), size=32)
    paint(tmp_path / "blue.png", (10, 10, 200))
    index_folders([tmp_path], tmp_path / ".lexret", colours)
    index = open_index(tmp_path / ".lexret")
    (group,) = nearly_same(index, min_cosine=0.95)
    assert ids([group]) == [["large.png", "small.png"]]
    one, two = index.vector("small.png"), index.vector("large.png")
    cosine = float(one.weights @ two.weights) / float(
        np.linalg.norm(one.weights) * np.linalg.norm(two.weights)
    )
    assert [one.similarity for one in group.pictures] == pytest.approx([cosine, cosine])
    assert nearly_same(index, min_cosine=1.0) == []


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), limit=st.sampled_from([0.3, 0.8, 0.95, 1.0]))
def test_every_pair_above_the_limit_and_no_other_is_found(
    tmp_path_factory: pytest.TempPathFactory, make_index, seed: int, limit: float
) -> None:
    rng = np.random.default_rng(seed)
    words = open_words(40)
    dense = rng.random((30, 40)) * (rng.random((30, 40)) < 0.2)
    copies = rng.integers(0, 30, 15)
    dense[copies] = dense[rng.integers(0, 30, 15)] * rng.uniform(0.5, 2.0, (15, 1))
    dense[copies] *= 1 + 0.3 * rng.random((15, 40)) * rng.integers(0, 2, (15, 1))
    dense = dense.astype(np.float32)
    path = tmp_path_factory.mktemp("index")
    with duplicates_index(path, words, dense):
        index = open_index(path)
    norms = np.linalg.norm(dense.astype(np.float64), axis=1, keepdims=True)
    unit = np.divide(dense, norms, out=np.zeros(dense.shape), where=norms > 0)
    linked = unit @ unit.T >= limit - 1e-7
    expected = components(linked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "NUM_BUCKETS", 8)
        patch.setattr(duplicates, "ROWS_AT_ONCE", 7)
        patch.setattr(duplicates, "PAIRS_AT_ONCE", 5)
        patch.setattr(vectors, "DOCUMENTS_AT_ONCE", 11)
        patch.setattr(vectors, "FEW_DOCUMENTS", 3)
        found = nearly_same(index, min_cosine=limit)
    assert sorted(sorted(group) for group in ids(found)) == expected


def open_words(num_words: int) -> Vocabulary:
    return Vocabulary([f"w{i:02d}" for i in range(num_words)])


def duplicates_index(path: Path, words: Vocabulary, dense: np.ndarray):
    from contextlib import nullcontext

    from lexret.engine import EmbeddedIndexWriter

    fields = fields_of([10] * len(dense))
    with EmbeddedIndexWriter.create(path, words, model_id="test-1") as writer:
        for half in (slice(0, 17), slice(17, None)):  # two segments
            batch = SparseBatch.from_dense(dense[half], words)
            part = {name: values[half] for name, values in fields.items()}
            writer.add(fields["path"][half], batch, fields=part)
            writer.commit()
    return nullcontext()


def components(linked: np.ndarray) -> list[list[str]]:
    seen: set[int] = set()
    groups = []
    for start in range(len(linked)):
        if start in seen:
            continue
        group, waiting = {start}, [start]
        while waiting:
            for other in np.flatnonzero(linked[waiting.pop()]).tolist():
                if other not in group:
                    group.add(other)
                    waiting.append(other)
        seen |= group
        if len(group) > 1:
            groups.append([f"{one:03d}" for one in sorted(group)])
    return sorted(groups)


def test_pictures_without_words_are_like_none(tmp_path: Path, batch, make_index) -> None:
    make_index(tmp_path, ["000", "001"], batch({}, {}), fields=fields_of([1, 1]))
    assert nearly_same(open_index(tmp_path), min_cosine=0.1) == []


def test_what_cannot_be_answered_is_refused(tmp_path: Path, batch, make_index) -> None:
    make_index(tmp_path, ["a"], batch({"dog": 1.0}))
    for wrong in (0.0, 1.5, float("nan")):
        with pytest.raises(InputError, match="cosine"):
            nearly_same(open_index(tmp_path), min_cosine=wrong)
    with pytest.raises(CorruptError, match="no picture's"):
        same_content(open_index(tmp_path))
