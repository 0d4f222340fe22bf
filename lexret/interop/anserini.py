"""Export of an index as a JsonVectorCollection, which Anserini indexes with ``-impact``.

OUT/collection/part-00000.jsonl   {"id": ..., "contents": "", "vector": {"t12": 34, ...}}
OUT/words.tsv                     what t12 means
OUT/export.json                   scale, counts, model
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import CorrectedVectors, VectorBlock
from lexret.interop.export_files import (
    ExportRecord,
    check_ids,
    new_folder,
    record_of,
    write_side_files,
)
from lexret.interop.impacts import DEFAULT_SCALE, quantize, term_name

COLLECTION_FOLDER: Final = "collection"


def export_anserini(
    index: EmbeddedIndex, folder: Path, *, scale: float = DEFAULT_SCALE
) -> ExportRecord:
    """Write all live documents of an index to a new folder.

    Raises:
        InputError: if the folder is not empty, an id is not UTF-8, or the scale is too large.
        StorageError: if writing fails.
    """
    vectors = CorrectedVectors(index)
    check_ids(vectors)
    names = [term_name(number) for number in range(len(vectors.vocabulary))]
    num_empty = num_postings = 0
    with new_folder(folder) as fresh:
        (fresh / COLLECTION_FOLDER).mkdir()
        for number, block in enumerate(vectors.blocks()):
            path = fresh / COLLECTION_FOLDER / f"part-{number:05d}.jsonl"
            _write_block(path, block, names, scale)
            num_empty += int((np.diff(block.vectors.indptr) == 0).sum())
            num_postings += block.vectors.nnz
        record = record_of(
            "anserini", index, scale=scale, num_empty=num_empty, num_postings=num_postings
        )
        write_side_files(fresh, vectors, record)
    return record


def _write_block(path: Path, block: VectorBlock, names: list[str], scale: float) -> None:
    impacts = quantize(block.vectors.weights, scale=scale).tolist()
    term_ids, indptr = block.vectors.term_ids.tolist(), block.vectors.indptr.tolist()
    with path.open("w", encoding="utf-8") as file:
        for row, doc_id in enumerate(block.doc_ids):
            places = range(indptr[row], indptr[row + 1])
            vector = {names[term_ids[place]]: impacts[place] for place in places}
            file.write(json.dumps({"id": doc_id, "contents": "", "vector": vector}) + "\n")
