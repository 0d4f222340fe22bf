"""Merging segments: the same files as from one writing, in memory that fields do not fill."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lexret.engine import EmbeddedIndexWriter, merge_policy, open_index
from lexret.engine.segments import merged_documents, segment_writer
from lexret.engine.segments.merged_documents import MergedDocuments, MergeSource
from lexret.engine.segments.segment import Segment
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["a", "b", "c"])


def fields_of(numbers: list[int]) -> dict[str, list[int | float | str | None]]:
    return {
        "path": [f"p{number}" * (number % 5) for number in numbers],
        "note": [f"é{number}" if number % 3 == 0 else None for number in numbers],
        "size": [number * 7 for number in numbers],
        "iso": [None if number % 4 else number for number in numbers],
        "far": [number / 3 for number in numbers],
    }


def add(writer: EmbeddedIndexWriter, numbers: list[int], *, plain: bool = False) -> None:
    """Add documents by their numbers; plain ones lack most fields."""
    batch = SparseBatch.from_words([{"abc"[n % 3]: 1.0 + n, "b": 0.5} for n in numbers], WORDS)
    fields = fields_of(numbers)
    kept = {"path": fields["path"]} if plain else fields
    writer.add([f"{n * 7919 % 1000:03d}-{n}" for n in numbers], batch, fields=kept)


@pytest.mark.parametrize("piece", [8, 64, 1 << 13])
def test_what_is_merged_is_as_if_it_had_been_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(merged_documents, "DOCUMENTS_A_PIECE", piece)
    monkeypatch.setattr(segment_writer, "POSTINGS_A_BLOCK", 50)
    batches = [list(range(0, 90)), list(range(90, 95)), list(range(95, 240))]
    gone = [*range(10, 20), 91, *range(100, 130, 3)]
    with EmbeddedIndexWriter.create(tmp_path / "parts", WORDS, model_id="m") as writer:
        for number, numbers in enumerate(batches):
            add(writer, numbers, plain=number == 1)
            writer.commit()
        writer.delete([f"{n * 7919 % 1000:03d}-{n}" for n in gone])
        writer.commit()
        assert len(writer.manifest.segments) == 3
        monkeypatch.setattr(merge_policy, "MAX_SEGMENTS_A_LEVEL", 1)
        add(writer, [240])
        writer.commit()
    with EmbeddedIndexWriter.create(tmp_path / "once", WORDS, model_id="m") as writer:
        for number, numbers in enumerate([*batches, [240]]):
            add(writer, [n for n in numbers if n not in gone], plain=number == 1)
        writer.commit()
    merged, once = open_index(tmp_path / "parts"), open_index(tmp_path / "once")
    assert len(merged.segments) == len(once.segments) == 1
    (one,), (other,) = merged.segments, once.segments
    assert sorted(one.entry.columns) == sorted(other.entry.columns)
    for name, array in other._arrays.items():
        assert np.array_equal(one._arrays[name].whole(), array.whole()), name
    merged.verify()


def wide_segments(path: Path, num_bytes: int) -> list[Segment]:
    """Return two segments of documents whose ids alternate, with a text of so many bytes each."""
    with EmbeddedIndexWriter.create(path, WORDS, model_id="m") as writer:
        for half in range(2):
            numbers = range(half, 8000, 2)
            texts = [f"{number:07d}" + "x" * num_bytes for number in numbers]
            batch = SparseBatch.from_words([{"a": 1.0}] * len(texts), WORDS)
            writer.add([f"{number:07d}" for number in numbers], batch, fields={"text": texts})
            writer.commit()
    return list(open_index(path).segments)


def test_merging_holds_a_piece_of_the_fields_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_documents, "DOCUMENTS_A_PIECE", 64)
    segments = wide_segments(tmp_path / "wide", 2000)
    tracemalloc.start()
    merged = MergedDocuments([MergeSource(segment, None) for segment in segments])
    num_bytes = 0
    for array in merged.arrays().values():
        num_bytes += sum(piece.nbytes for piece in array.pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_bytes > 16_000_000
    # A piece's texts are 130 kB, and so many places of eight bytes are computed for each byte.
    assert peak < 6_000_000


def test_runs_of_one_segment_are_taken_at_once(tmp_path: Path) -> None:
    with EmbeddedIndexWriter.create(tmp_path / "index", WORDS, model_id="m") as writer:
        for start in range(0, 3000, 1000):
            ids = [f"{number:05d}" for number in range(start, start + 1000)]
            writer.add(ids, SparseBatch.from_words([{"a": 1.0}] * 1000, WORDS))
            writer.commit()
    sources = [MergeSource(one, None) for one in open_index(tmp_path / "index").segments]
    runs = [(number, len(found)) for number, found in merged_documents._in_order(sources)]
    assert runs == [(0, 1000), (1, 1000), (2, 1000)]
