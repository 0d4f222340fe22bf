"""Writer of segments: from vectors, or by merging existing segments."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.postings.block_writer import BlockWriter
from lexret.engine.postings.plain import Offsets, PostingBlock, word_ranges
from lexret.engine.segments.checksums import write_checksums
from lexret.engine.segments.manifest import CODECS, SEGMENTS_FOLDER, DeletionEntry, SegmentEntry
from lexret.engine.segments.merged_documents import MergedDocuments, MergeSource
from lexret.engine.segments.segment import DOCUMENTS_FILE, Segment
from lexret.engine.segments.stored_documents import Mask
from lexret.engine.store.checked import Sums
from lexret.engine.store.columns import Column, StoredArray, pack, pack_texts
from lexret.engine.store.sections import Section, SectionWriter
from lexret.files.whole import sync_folder
from lexret.sparse import SparseBatch

POSTINGS_A_BLOCK: Final = 1 << 21


@dataclass(frozen=True)
class SegmentContents:
    """Contents of a segment to be written; what is iterated over can be written once.

    Attributes:
        num_documents: how many it has.
        columns: field name -> type.
        documents: the arrays of ids, in rising order, and of fields, by their names.
        indptr: (V + 1,) int64; where each word's postings begin and end.
        blocks: all postings in the order of the words, several words per block.
        weight_error: the largest error that the weights already have.
    """

    num_documents: int
    columns: Mapping[str, str]
    documents: Mapping[str, StoredArray]
    indptr: Offsets
    blocks: Iterator[PostingBlock]
    weight_error: float = 0.0


def write_segment(
    folder: Path, contents: SegmentContents, *, generation: int, weights: str
) -> SegmentEntry:
    """Write a segment's folder durably; it is part of the index once a manifest names it.

    Args:
        weights: how to store them; see :data:`lexret.engine.segments.manifest.CODECS`.

    Raises:
        OSError: if writing fails; then nothing is left behind.
    """
    name = f"{generation:08d}-{secrets.token_hex(4)}"
    target = folder / SEGMENTS_FOLDER / name
    target.mkdir(parents=True)
    try:
        writer = BlockWriter(target, CODECS[weights], contents.num_documents, contents.indptr)
        files = writer.write(contents.blocks)
        files[DOCUMENTS_FILE], sums = _write_documents(target / DOCUMENTS_FILE, contents)
        files |= write_checksums(target, writer.block_sums | sums)
        sync_folder(target)
        sync_folder(target.parent)
        sync_folder(folder)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return SegmentEntry(
        name=name,
        codec=CODECS[weights],
        num_documents=contents.num_documents,
        num_postings=int(contents.indptr[-1]),
        columns=dict(contents.columns),
        files=files,
        weight_error=max(contents.weight_error, writer.weight_error),
    )


def _write_documents(
    path: Path, contents: SegmentContents
) -> tuple[dict[str, Section], dict[str, Sums]]:
    """Write ids and fields; return where the arrays are, and the checksums of their blocks."""
    arrays = contents.documents
    sizes = {name: (array.dtype, array.count) for name, array in arrays.items()}
    writer = SectionWriter(path, sizes)
    try:
        for name, array in arrays.items():
            for piece in array.pieces:
                writer.append(name, piece)
        return writer.finish(), writer.block_sums()
    finally:
        writer.close()


def from_vectors(
    ids: Sequence[bytes], batch: SparseBatch, columns: Mapping[str, Column]
) -> SegmentContents:
    """Return the contents of a segment of some vectors, given in rising order of their ids."""
    by_word = batch.to_scipy().tocsc()
    docs, indptr = by_word.indices.astype(np.int32), by_word.indptr.astype(np.int64)
    parts = (
        slice(indptr[first], indptr[last]) for first, last in word_ranges(indptr, POSTINGS_A_BLOCK)
    )
    blocks = (PostingBlock(docs[part], by_word.data[part]) for part in parts)
    documents = pack_texts("id", ids)
    for name, column in columns.items():
        documents |= pack(name, column)
    kinds = {name: column.kind for name, column in columns.items()}
    return SegmentContents(len(ids), kinds, documents, indptr, blocks)


def write_deletions(
    folder: Path, entry: SegmentEntry, deleted: Mask, *, generation: int
) -> DeletionEntry:
    """Write the deletions of a segment durably to a new file in its folder."""
    target = folder / SEGMENTS_FOLDER / entry.name
    file = f"deleted-{generation:08d}.bits"
    (target / file).unlink(missing_ok=True)  # left by a commit that failed
    bits = np.packbits(deleted, bitorder="little")
    writer = SectionWriter(target / file, {"bits": ("|u1", len(bits))})
    try:
        writer.append("bits", bits)
        sections = writer.finish()
    finally:
        writer.close()
    sync_folder(target)
    return DeletionEntry(file, int(deleted.sum()), sections["bits"])


def from_segments(sources: Sequence[MergeSource]) -> SegmentContents:
    """Merge segments of distinct live ids into the contents of one, without deleted documents.

    Ids, fields and postings are read block by block, so that memory stays bounded: what is held of
    all documents are ten bytes each (:mod:`lexret.engine.segments.merged_documents`).

    Raises:
        DamageError: if an id or a field is damaged; postings are checked when they are read.
    """
    merged = MergedDocuments(sources)
    remaps = merged.new_numbers()
    indptr = np.zeros_like(sources[0].segment.posting_lists.indptr)
    for source, remap in zip(sources, remaps, strict=True):
        indptr += _live_indptr(source.segment, remap)
    blocks = _merge_blocks(sources, remaps, indptr)
    error = max(source.segment.entry.weight_error for source in sources)
    return SegmentContents(len(merged), merged.columns, merged.arrays(), indptr, blocks, error)


def _live_indptr(segment: Segment, remap: npt.NDArray[np.int32]) -> Offsets:
    indptr = segment.posting_lists.indptr
    if (remap >= 0).all():
        return indptr
    kept = np.zeros(len(indptr), dtype=np.int64)
    total = 0
    for first, last in word_ranges(indptr, POSTINGS_A_BLOCK):
        docs = segment.posting_lists.block(first, last).docs
        running = np.zeros(len(docs) + 1, dtype=np.int64)
        np.cumsum(remap[docs] >= 0, out=running[1:])
        kept[first + 1 : last + 1] = total + running[indptr[first + 1 : last + 1] - indptr[first]]
        total += int(running[-1])
    return kept


def _merge_blocks(
    sources: Sequence[MergeSource],
    remaps: Sequence[npt.NDArray[np.int32]],
    indptr: Offsets,
) -> Iterator[PostingBlock]:
    for first, last in word_ranges(indptr, POSTINGS_A_BLOCK):
        words, docs, weights = [], [], []
        for source, remap in zip(sources, remaps, strict=True):
            posting_lists = source.segment.posting_lists
            block = posting_lists.block(first, last)
            new = remap[block.docs]
            keep = new >= 0
            lengths = np.diff(posting_lists.indptr[first : last + 1])
            words.append(np.repeat(np.arange(last - first, dtype=np.int64), lengths)[keep])
            docs.append(new[keep])
            weights.append(block.weights[keep])
        all_docs = np.concatenate(docs)
        # What each segment gives is in order already, which a stable sort makes use of.
        order = np.argsort((np.concatenate(words) << 32) | all_docs, kind="stable")
        yield PostingBlock(all_docs[order], np.concatenate(weights)[order])
