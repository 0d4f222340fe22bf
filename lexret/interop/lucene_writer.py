"""Writer of a Lucene index of impacts, which Lucene stores as term frequencies.

    <folder>/lucene/          Lucene's files, one segment
    <folder>/vocabulary.txt   one word per line; the word of line n, from 0, is Lucene's term t<n>
    <folder>/ids.json         the documents' ids in rising order; their position is Lucene's number
    <folder>/maxima.npy       each word's greatest impact, (V,) int32
    <folder>/record.json      LuceneRecord; written last

Documents are added in the order of their ids, and only neighbouring segments are merged, so
Lucene's rule for ties, the lower number first, is the same as lexret's: rising id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from lexret.engine.vectors import VectorBlock
from lexret.errors import StorageError
from lexret.interop.impacts import quantize, term_name
from lexret.interop.lucene_jvm import find_jar, start_java
from lexret.vocabulary import Vocabulary

LUCENE_FOLDER: Final = "lucene"
VOCABULARY_FILE: Final = "vocabulary.txt"
IDS_FILE: Final = "ids.json"
MAXIMA_FILE: Final = "maxima.npy"
RECORD_FILE: Final = "record.json"
FORMAT: Final = "lexret-lucene"
VERSION: Final = 1
FIELD: Final = "impacts"
_BUFFER_MB: Final = 256.0


@dataclass(frozen=True, slots=True)
class LuceneRecord:
    """Record of a Lucene index.

    Attributes:
        jar: the jar it was written with; another Lucene may be unable to read it.
        scale: impacts per unit of weight.
    """

    format: str
    version: int
    jar: str
    model_id: str
    vocabulary_fingerprint: str
    scale: float
    num_documents: int


def write_lucene(
    folder: Path,
    blocks: Iterable[VectorBlock],
    vocabulary: Vocabulary,
    *,
    model_id: str,
    scale: float,
) -> LuceneRecord:
    """Write a Lucene index into an existing, empty folder.

    Args:
        blocks: all documents in rising order of their ids.

    Raises:
        MissingPackageError: if a package of ``lexret[lucene]`` is not installed.
        InputError: if an impact would be too large (see :mod:`lexret.interop.impacts`).
        StorageError: if writing fails.
    """
    jnius = start_java()
    maxima_V = np.zeros(len(vocabulary), dtype=np.int32)
    names = [term_name(number) for number in range(len(vocabulary))]
    ids: list[str] = []
    try:
        writer = _LuceneWriter(jnius, folder / LUCENE_FOLDER)
        try:
            for block in blocks:
                impacts = quantize(block.vectors.weights, scale=scale)
                np.maximum.at(maxima_V, block.vectors.term_ids, impacts)
                for text in _texts(block, impacts.tolist(), names):
                    writer.add(text)
                ids += block.doc_ids
            writer.finish()
        finally:
            writer.close()
    except jnius.JavaException as error:
        raise StorageError(f"Lucene could not write to {folder}: {error}.") from error
    record = LuceneRecord(
        format=FORMAT,
        version=VERSION,
        jar=find_jar().name,
        model_id=model_id,
        vocabulary_fingerprint=vocabulary.fingerprint,
        scale=scale,
        num_documents=len(ids),
    )
    vocabulary.save(folder / VOCABULARY_FILE)
    (folder / IDS_FILE).write_text(json.dumps(ids), encoding="utf-8")
    np.save(folder / MAXIMA_FILE, maxima_V, allow_pickle=False)
    (folder / RECORD_FILE).write_text(json.dumps(asdict(record), indent=1) + "\n")
    return record


def _texts(block: VectorBlock, impacts: list[int], names: list[str]) -> Iterable[str]:
    """Yield each document as Lucene's token filter reads it: ``t5|123 t7|12``."""
    term_ids, indptr = block.vectors.term_ids.tolist(), block.vectors.indptr.tolist()
    for row in range(len(block.doc_ids)):
        places = range(indptr[row], indptr[row + 1])
        yield " ".join(f"{names[term_ids[place]]}|{impacts[place]}" for place in places)


class _LuceneWriter:
    """Lucene's writer, fed with texts of terms and frequencies."""

    def __init__(self, jnius: Any, folder: Path) -> None:
        autoclass = jnius.autoclass
        empty = autoclass("java.util.HashMap")
        analyzer = (
            autoclass("org.apache.lucene.analysis.custom.CustomAnalyzer")
            .builder()
            .withTokenizer("whitespace", empty())
            .addTokenFilter("delimitedTermFrequency", empty())
            .build()
        )
        config = autoclass("org.apache.lucene.index.IndexWriterConfig")(analyzer)
        config.setSimilarity(autoclass("io.anserini.search.similarity.ImpactSimilarity")())
        config.setMergePolicy(autoclass("org.apache.lucene.index.LogDocMergePolicy")())
        config.setMergeScheduler(autoclass("org.apache.lucene.index.SerialMergeScheduler")())
        config.setRAMBufferSizeMB(_BUFFER_MB)
        self._directory = open_directory(jnius, folder)
        self._writer = autoclass("org.apache.lucene.index.IndexWriter")(self._directory, config)
        # One document with one field, whose text changes, is reused for all.
        text = jnius.cast("java.lang.CharSequence", autoclass("java.lang.String")(""))
        self._field = autoclass("org.apache.lucene.document.Field")(FIELD, text, _field_type(jnius))
        self._document = autoclass("org.apache.lucene.document.Document")()
        self._document.add(self._field)

    def add(self, text: str) -> None:
        self._field.setStringValue(text)
        self._writer.addDocument(self._document)

    def finish(self) -> None:
        self._writer.forceMerge(1)
        self._writer.commit()

    def close(self) -> None:
        self._writer.close()
        self._directory.close()


def _field_type(jnius: Any) -> Any:
    """Return the field type: documents and frequencies, without positions and lengths."""
    kind = jnius.autoclass("org.apache.lucene.document.FieldType")()
    options = jnius.autoclass("org.apache.lucene.index.IndexOptions")
    kind.setIndexOptions(options.DOCS_AND_FREQS)
    kind.setTokenized(True)
    kind.setOmitNorms(True)
    kind.freeze()
    return kind


def open_directory(jnius: Any, folder: Path) -> Any:
    """Open a folder for Lucene through memory maps."""
    path = jnius.autoclass("java.io.File")(str(folder.absolute())).toPath()
    return jnius.autoclass("org.apache.lucene.store.MMapDirectory")(path)
