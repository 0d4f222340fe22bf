"""Lucene mirror of an embedded index, rebuilt after the embedded index has changed.

It is stored in ``<index>/lucene/<commit>-<digest>``. The digest covers the whole manifest, the
scale and the jar, so a folder of that name holds exactly this mirror. It is replaced whole
(:mod:`lexret.files.folders`): a folder of that name is complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import SearchHit
from lexret.engine.query.descriptions import describe_parts
from lexret.engine.query.query import Query
from lexret.engine.vectors import CorrectedVectors
from lexret.errors import InputError, StorageError
from lexret.files.folders import is_leftover, owner_of, remove_leftovers, whole_folder
from lexret.interop.impacts import DEFAULT_SCALE, as_impacts, from_impacts, quantize
from lexret.interop.lucene import LuceneIndex
from lexret.interop.lucene_jvm import find_jar, start_java
from lexret.interop.lucene_writer import write_lucene
from lexret.sparse import FloatArray, IdArray, LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

FOLDER: Final = "lucene"


class LuceneMirror:
    """Embedded index searched by Lucene: hits are Lucene's, all else comes from the index.

    Weights are those of the impacts, so the products that explain a hit add up to its score.

    Args:
        index: the embedded index. Its mirror is built first if there is none of this commit.
        on_build: called before the mirror is built, which takes a while.

    Raises:
        InputError: if words of the index were corrected.
        MissingPackageError: if a package of ``lexret[lucene]`` is not installed.
        StorageError: if the Lucene index cannot be written.
    """

    def __init__(
        self,
        index: EmbeddedIndex,
        *,
        scale: float = DEFAULT_SCALE,
        on_build: Callable[[], None] | None = None,
    ) -> None:
        if index.corrections:
            raise InputError(
                "Words of this index were corrected or muted, which the backend lucene does not "
                "know; search without --backend."
            )
        self._index = index
        self.lucene = _open_mirror(index, scale, on_build)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        return self._index.vocabulary

    @property
    def model_id(self) -> str:
        """Identity of what made the vectors."""
        return self._index.model_id

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.lucene)

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` over impacts; see :meth:`LuceneIndex.search`."""
        return self.lucene.search(queries, k=k)

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Search for a query that is only a vector; see :meth:`search`.

        Raises:
            InputError: if the query has anything else.
        """
        if query.vector is None or query.choices or query.has_conditions:
            parts = describe_parts(query, self.vocabulary) or ["a query without words"]
            raise InputError(
                "The backend lucene finds plain texts and pictures; it cannot answer "
                f"{', '.join(parts)}. Leave --backend away for that."
            )
        return self.search(query.vector.as_batch(), k=k)[0]

    def weights(self, doc_ids: Sequence[str], term_ids: IdArray) -> FloatArray:
        """Return the weights of words in documents as Lucene has them, 0 if it has none.

        Returns:
            (len(doc_ids), len(term_ids)) float32, impacts divided by the scale.
        """
        weights = self._index.weights(doc_ids, term_ids)
        held = weights > 0
        impacts = quantize(weights[held], scale=self.lucene.scale)
        weights[held] = (impacts / self.lucene.scale).astype(np.float32)
        return weights

    def rounded(self, query: LexicalVector | Query) -> LexicalVector | Query:
        """Return a query with its weights rounded as Lucene has them; see :meth:`find`."""
        if isinstance(query, Query):
            vector = None if query.vector is None else self._rounded(query.vector)
            return replace(query, vector=vector)
        return self._rounded(query)

    def _rounded(self, query: LexicalVector) -> LexicalVector:
        impacts = as_impacts(query.as_batch(), scale=self.lucene.scale)
        return from_impacts(impacts, scale=self.lucene.scale).row(0)


def _open_mirror(
    index: EmbeddedIndex, scale: float, on_build: Callable[[], None] | None
) -> LuceneIndex:
    start_java()  # raises before anything is written if a package is missing
    target = index.path / FOLDER / _name(index, scale)
    if not target.is_dir():
        if on_build is not None:
            on_build()
        try:
            _build(index, scale, target)
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(
                f"Could not write the Lucene index to {target}: {error}. Make room or check the "
                "permissions; or search without --backend."
            ) from error
    return LuceneIndex(target)


def _name(index: EmbeddedIndex, scale: float) -> str:
    made_of = json.dumps([asdict(index.manifest), scale, find_jar().name], sort_keys=True)
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    return f"{index.manifest.generation:08d}-{digest}"


def _build(index: EmbeddedIndex, scale: float, target: Path) -> None:
    with whole_folder(target) as fresh:
        vectors = CorrectedVectors(index)
        write_lucene(
            fresh, vectors.blocks(), vectors.vocabulary, model_id=index.model_id, scale=scale
        )
    for other in target.parent.iterdir():
        if is_leftover(other):
            remove_leftovers(owner_of(other))
        elif other != target:
            shutil.rmtree(other, ignore_errors=True)  # of an older commit, or lexret
