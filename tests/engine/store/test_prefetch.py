"""What a search needs is asked for beforehand while searches read from the disk, and else not."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.postings.blocks import BlockPostings
from lexret.engine.store import prefetch
from lexret.engine.store.prefetch import DiskWatch, MappedBytes
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

NUM_DOCUMENTS, NUM_WORDS = 70_000, 12
Asked = list[bytes]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The bytes that were asked for, part by part; the system is asked, too."""
    found: Asked = []
    ask = MappedBytes.prefetch

    def record(source: MappedBytes, start: int, stop: int) -> None:
        ask(source, start, stop)
        found.append(source.mapped[source.offset + start : source.offset + stop])

    monkeypatch.setattr(MappedBytes, "prefetch", record)
    return found


@pytest.fixture(params=["exact", "8bit"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    share = np.geomspace(0.001, 0.9, NUM_WORDS)
    dense = rng.lognormal(-1, 0.6, (NUM_DOCUMENTS, NUM_WORDS)).astype(np.float32)
    dense *= rng.random(dense.shape) < share
    vocabulary = Vocabulary(f"w{number}" for number in range(NUM_WORDS))
    with EmbeddedIndexWriter.create(
        tmp_path, vocabulary, model_id="test-1", weights=request.param
    ) as writer:
        writer.add(
            [f"{number:06}" for number in range(NUM_DOCUMENTS)],
            SparseBatch.from_dense(dense, vocabulary),
        )
        writer.commit()
    return tmp_path


def parts_of(postings: BlockPostings, terms: list[int]) -> Asked:
    """Return the stored bytes of some words, as reading all of their postings reads them."""
    parts = []
    for array, starts in (
        (postings.lows, postings.starts_L1),
        (postings.weights_or_codes, postings.starts_L1),
        (postings.sides, postings.side_starts_L1),
    ):
        bounds = starts[:: postings.num_chunks]
        parts += [array.values[bounds[term] : bounds[term + 1]].tobytes() for term in terms]
    return parts


def test_all_postings_of_the_words_are_asked_for_and_nothing_else(
    folder: Path, asked: Asked
) -> None:
    (segment,) = open_index(folder).segments
    postings = segment.posting_lists
    assert isinstance(postings, BlockPostings)
    rows = postings.dense_terms_R.tolist()
    assert rows and 0 not in rows
    postings.prefetch(np.array([0, *rows], np.int32))
    assert asked == parts_of(postings, [0, *rows])
    asked.clear()
    postings.prefetch(np.array([0, *rows], np.int32), rows=True)
    dense_rows = [row.tobytes() for row in postings.dense_RN]
    assert asked == [*parts_of(postings, [0, *rows]), *dense_rows]


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_answers_are_the_same_whether_words_were_asked_for_or_not(
    folder: Path, asked: Asked, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "compiled":
        pytest.importorskip("numba")
    index = open_index(folder, engine=engine)
    weights = np.linspace(0.5, 1.5, NUM_WORDS, dtype=np.float32)[None]
    query = SparseBatch.from_dense(weights, index.vocabulary)
    monkeypatch.setattr(prefetch, "_blocks_read", lambda: 0)
    first = index.search(query)
    assert asked  # nobody knows yet where the bytes are
    asked.clear()
    assert index.search(query) == first and not asked
    numbers = iter(range(100))
    monkeypatch.setattr(prefetch, "_blocks_read", lambda: next(numbers))
    assert index.search(query) == first and not asked
    assert index.search(query) == first and asked  # the one before had read from the disk


def test_only_after_a_search_that_read_the_next_is_prefetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    num_read, prefetched = [0], []
    monkeypatch.setattr(prefetch, "_blocks_read", lambda: num_read[0])
    watch = DiskWatch()
    for search, reads in enumerate([8, 8, 0, 0, 8, 0, 0]):
        so_far = watch.before(lambda search=search: prefetched.append(search))
        num_read[0] += reads
        watch.after(so_far)
    assert prefetched == [0, 1, 2, 5]


def test_parts_need_not_start_where_pages_do(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * mmap.PAGESIZE + 5))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        source = MappedBytes(mapped, 64)
        for start, stop in ((0, 1), (mmap.PAGESIZE + 7, 2 * mmap.PAGESIZE), (9, len(mapped) - 64)):
            source.prefetch(start, stop)
