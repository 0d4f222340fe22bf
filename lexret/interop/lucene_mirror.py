"""Keeps a Lucene index beside an embedded one, and makes it anew when the embedded one changed.

It lies in ``<index>/lucene/<commit>-<digest>``; the digest covers the whole manifest, the scale
and the jar, so that a folder of that name holds just what is wanted. It is written under another
name first: what is there under its own name is whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.engine.protocol import SearchHit
from lexret.engine.query.query import Query
from lexret.engine.vectors import CorrectedVectors
from lexret.errors import InputError, StorageError
from lexret.interop.impacts import DEFAULT_SCALE, as_impacts, from_impacts, quantize
from lexret.interop.lucene import LuceneIndex
from lexret.interop.lucene_jvm import find_jar, start_java
from lexret.interop.lucene_writer import write_lucene
from lexret.sparse import FloatArray, IdArray, LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

FOLDER: Final = "lucene"
_UNFINISHED: Final = "new-"


class LuceneMirror:
    """An embedded index searched by Lucene: hits from Lucene, everything else from the other.

    Weights, and so the products that explain a hit, are the impacts' own: they add up to scores.

    Args:
        index: the embedded index, which need not have changed since Lucene's was made.
        building: is told when the Lucene index is to be made, which takes a while.

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
        building: Callable[[], None] | None = None,
    ) -> None:
        if index.corrections:
            raise InputError(
                "Words of this index were corrected or muted, which the backend lucene does not "
                "know; search without --backend."
            )
        self._index = index
        self.lucene = _open_beside(index, scale, building)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the stored vectors."""
        return self._index.vocabulary

    @property
    def model_id(self) -> str:
        """Identity of the model that made the vectors."""
        return self._index.model_id

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.lucene)

    def search(self, queries: SparseBatch, *, k: int = 10) -> list[list[SearchHit]]:
        """Return the exact top ``k`` over impacts; see :meth:`LuceneIndex.search`."""
        return self.lucene.search(queries, k=k)

    def find(self, query: Query, *, k: int = 10) -> list[SearchHit]:
        """Do as :meth:`search` for a query that holds nothing but a vector.

        Raises:
            InputError: if there is more to the query.
        """
        if query.vector is None or query.choices or query.has_conditions:
            raise InputError(
                "The backend lucene finds plain texts and pictures; this query has operators, "
                "filters or --like. Leave --backend away for them."
            )
        return self.search(query.vector.as_batch(), k=k)[0]

    def weights(self, doc_ids: Sequence[str], term_ids: IdArray) -> FloatArray:
        """Return the weights of words in documents as Lucene sees them; 0: not there.

        Returns:
            (len(doc_ids), len(term_ids)) float32, impacts divided by the scale.
        """
        weights = self._index.weights(doc_ids, term_ids)
        held = weights > 0
        impacts = quantize(weights[held], scale=self.lucene.scale)
        weights[held] = (impacts / self.lucene.scale).astype(np.float32)
        return weights

    def rounded(self, query: LexicalVector | Query) -> LexicalVector | Query:
        """Return a query with the weights that Lucene gives its words; see :meth:`find`."""
        if isinstance(query, Query):
            vector = None if query.vector is None else self._rounded(query.vector)
            return replace(query, vector=vector)
        return self._rounded(query)

    def _rounded(self, query: LexicalVector) -> LexicalVector:
        impacts = as_impacts(query.as_batch(), scale=self.lucene.scale)
        return from_impacts(impacts, scale=self.lucene.scale).row(0)


def _open_beside(
    index: EmbeddedIndex, scale: float, building: Callable[[], None] | None
) -> LuceneIndex:
    start_java()  # what is not installed is said before anything is written
    target = index.path / FOLDER / _name(index, scale)
    if not target.is_dir():
        if building is not None:
            building()
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
    target.parent.mkdir(exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
    try:
        stored = CorrectedVectors(index)
        write_lucene(
            unfinished, stored.blocks(), stored.vocabulary, model_id=index.model_id, scale=scale
        )
        if not target.is_dir():  # another process may have been faster
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for other in target.parent.iterdir():
        if other != target and not other.name.startswith(_UNFINISHED):
            shutil.rmtree(other, ignore_errors=True)  # of an older commit
