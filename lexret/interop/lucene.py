"""Lucene index with the ``Index`` protocol: exact search over impacts (``lexret[lucene]``).

Scores are the dot products of the impacts, divided by the square of the scale; they equal those
of an exact search over :func:`~lexret.interop.impacts.as_impacts` of the same vectors, and so does
the ranking, ties included.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from lexret.engine.protocol import SearchHit
from lexret.engine.query.checks import check_query
from lexret.errors import CorruptError, InputError, MissingError
from lexret.files.text import parse_json
from lexret.interop.impacts import MAX_IMPACT, as_impacts, term_name
from lexret.interop.lucene_jvm import find_jar, start_java
from lexret.interop.lucene_writer import (
    FIELD,
    FORMAT,
    IDS_FILE,
    LUCENE_FOLDER,
    MAXIMA_FILE,
    RECORD_FILE,
    VERSION,
    VOCABULARY_FILE,
    LuceneRecord,
    open_directory,
)
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

_MAX_CLAUSES: Final = 2**31 - 1
_JAVA_INT_MAX: Final = 2**31 - 1


class LuceneIndex:
    """Lucene index that :func:`~lexret.interop.lucene_writer.write_lucene` wrote.

    Raises:
        MissingPackageError: if a package of ``lexret[lucene]`` is not installed.
        MissingError: if there is no such index.
        CorruptError: if it is damaged, or was written by another Lucene than the one installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = _read_record(folder)
        self._jnius = start_java()
        try:
            self._ids: list[str] = parse_json((folder / IDS_FILE).read_text(encoding="utf-8"))
            maxima_V = np.load(folder / MAXIMA_FILE, allow_pickle=False)
            self._open()
        except (OSError, ValueError, self._jnius.JavaException) as error:
            raise CorruptError(f"The Lucene index at {folder} is damaged: {error}.") from error
        self._maxima_V = maxima_V.astype(np.float64)

    def _open(self) -> None:
        jnius, lucene = self._jnius, "org.apache.lucene"
        self._directory = open_directory(jnius, self._folder / LUCENE_FOLDER)
        self._reader = jnius.autoclass(f"{lucene}.index.DirectoryReader").open(self._directory)
        if self._reader.maxDoc() != len(self._ids) or self._record.num_documents != len(self._ids):
            raise CorruptError(
                f"{self._folder}: Lucene holds {self._reader.maxDoc()} documents, the list of ids "
                f"{len(self._ids)}, the record {self._record.num_documents}."
            )
        searcher_class = jnius.autoclass(f"{lucene}.search.IndexSearcher")
        searcher_class.setMaxClauseCount(_MAX_CLAUSES)
        reader = jnius.cast(f"{lucene}.index.IndexReader", self._reader)
        self._searcher = searcher_class(reader)
        similarity = jnius.autoclass("io.anserini.search.similarity.ImpactSimilarity")
        self._searcher.setSimilarity(similarity())
        analyzer = jnius.autoclass(f"{lucene}.analysis.core.WhitespaceAnalyzer")()
        parser = jnius.autoclass(f"{lucene}.queryparser.classic.QueryParser")
        self._parser = parser(FIELD, analyzer)

    @property
    def record(self) -> LuceneRecord:
        """The record of the index."""
        return self._record

    @property
    def scale(self) -> float:
        """Impacts per unit of weight, for documents and queries."""
        return self._record.scale

    @property
    def model_id(self) -> str:
        """Identity of what made the vectors."""
        return self._record.model_id

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        return Vocabulary.load(self._folder / VOCABULARY_FILE)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._ids)

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` over impacts for each query; see :meth:`Index.search`.

        Raises:
            InputError: if ``k`` is less than 1, or a score could be too large for Lucene, which
                computes in single precision.
        """
        check_query(self._record.vocabulary_fingerprint, lambda: self.vocabulary, queries, k=k)
        return [self._search_vector(query, k) for query in as_impacts(queries, scale=self.scale)]

    def _search_vector(self, query: LexicalVector, k: int) -> list[SearchHit]:
        if not len(query) or not len(self):
            return []
        greatest = float(query.weights.astype(np.float64) @ self._maxima_V[query.term_ids])
        if greatest > MAX_IMPACT:
            raise InputError(
                f"A score of this query could be {greatest:.0f}, but Lucene counts exactly only to "
                f"{MAX_IMPACT}. Use weights of unit length, or a smaller scale than {self.scale:g}."
            )
        pairs = zip(query.term_ids.tolist(), query.weights.tolist(), strict=True)
        text = " ".join(f"{term_name(term)}^{impact:.0f}" for term, impact in pairs)
        found = self._searcher.search(self._parser.parse(text), min(k, _JAVA_INT_MAX)).scoreDocs
        unit = self.scale * self.scale
        return [
            SearchHit(self._ids[hit.doc], hit.score / unit, rank)
            for rank, hit in enumerate(found, start=1)
        ]

    def num_bytes(self) -> int:
        """Return the bytes of all files, including those that are not Lucene's."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    def close(self) -> None:
        """Close Lucene's files; the index cannot be searched afterwards."""
        self._reader.close()
        self._directory.close()


def _read_record(folder: Path) -> LuceneRecord:
    try:
        values: dict[str, Any] = parse_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"There is no Lucene index at {folder}.") from error
    except ValueError as error:
        raise CorruptError(f"{folder / RECORD_FILE} is damaged: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise CorruptError(f"{folder / RECORD_FILE} does not describe a Lucene index of lexret.")
    found = (values.get("version"), values.get("jar"))
    if found != (VERSION, find_jar().name):
        raise CorruptError(
            f"The Lucene index at {folder} has version {found[0]} and was written with {found[1]}; "
            f"expected version {VERSION} and {find_jar().name}. Remove the folder; it is made anew."
        )
    try:
        return LuceneRecord(**values)
    except TypeError as error:
        raise CorruptError(f"{folder / RECORD_FILE} is damaged: {error}.") from error
