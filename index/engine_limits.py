"""Measure how much of a ranking stays where another engine stores weights less exactly.

    python index/engine_limits.py ./images --queries captions.txt

Queries are texts, one a line, encoded as `lexret search` does. For each way to store weights, the
best 10 by dot products of stored weights are compared with lexret's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

import lexret
from lexret.engine import open_index
from lexret.engine.vectors import CorrectedVectors
from lexret.interop.engines.features import as_stored
from lexret.interop.impacts import quantize
from lexret.library.folders import index_within
from lexret.sparse import FloatArray, SparseBatch

K = 10
Stored = Callable[[FloatArray], npt.NDArray[np.float64]]


def in_8_bits(weights: FloatArray) -> npt.NDArray[np.float64]:
    """Whole steps of the largest weight of all."""
    step = float(weights.max()) / 255
    return np.rint(weights / step).astype(np.float64) * step


WAYS: dict[str, tuple[Stored, bool]] = {
    "float32 (Qdrant, Milvus, Vespa, Postgres)": (lambda w: w.astype(np.float64), False),
    "float16 (Qdrant, by choice)": (lambda w: w.astype(np.float16).astype(np.float64), False),
    "9 bits (Elasticsearch, OpenSearch)": (lambda w: as_stored(w).astype(np.float64), False),
    "whole numbers at scale 100 (Anserini, CIFF)": (lambda w: quantize(w) / 100.0, True),
    "8 bits (Qdrant uint8, by choice)": (in_8_bits, False),
}


def best(documents: SparseBatch, queries: SparseBatch) -> npt.NDArray[np.intp]:
    """Numbers of the best K documents of each query; ties by the lower number."""
    matrix = documents.to_scipy().astype(np.float64)
    scores = (queries.to_scipy().astype(np.float64) @ matrix.T).toarray()
    return np.argsort(-scores, axis=1, kind="stable")[:, :K]


def with_weights(batch: SparseBatch, stored: Stored) -> SparseBatch:
    """A batch whose weights are what an engine stores; what becomes 0 is hardly more than that."""
    weights = np.maximum(stored(batch.weights), 1e-30).astype(np.float32)
    return SparseBatch(batch.indptr, batch.term_ids, weights, batch.vocabulary)


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--queries", type=Path, required=True, help="texts, one a line")
    given = parser.parse_args()
    index = open_index(index_within(given.images))
    documents = SparseBatch.concatenate(
        [block.vectors for block in CorrectedVectors(index).blocks()], index.vocabulary
    )
    texts = given.queries.read_text(encoding="utf-8").splitlines()
    model = lexret.load_model()
    queries = model.texts.encode_queries([text for text in texts if text.strip()])
    expected = best(documents, queries)
    say(
        f"{len(documents):,} pictures of {documents.nnz / len(documents):.0f} words, "
        f"{len(queries):,} queries of {queries.nnz / len(queries):.0f}, "
        f"at most {np.diff(queries.indptr).max()}"
    )
    say("| weights | the same best 10 | in the same order | of the best 10 stay | best stays |")
    say("| --- | --- | --- | --- | --- |")
    for name, (stored, both) in WAYS.items():
        asked = with_weights(queries, stored) if both else queries
        found = best(with_weights(documents, stored), asked)
        pairs = list(zip(found, expected, strict=True))
        kept = [len(np.intersect1d(one, other)) / K for one, other in pairs]
        order = np.mean([np.array_equal(one, other) for one, other in pairs])
        first = np.mean(found[:, 0] == expected[:, 0])
        same = np.mean(np.array(kept) == 1)
        say(f"| {name} | {same:.1%} | {order:.1%} | {np.mean(kept):.2%} | {first:.2%} |")


if __name__ == "__main__":
    main()
