"""Files that every export of an index has: its record and the list of words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import CorrectedVectors
from lexret.errors import CorruptError, InputError, MissingError, StorageError
from lexret.files.folders import whole_folder
from lexret.interop.impacts import max_error, term_name
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WORDS_FILE: Final = "words.tsv"
RECORD_FILE: Final = "export.json"


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """Record of an export.

    Attributes:
        kind: ``anserini`` or ``ciff``.
        scale: impacts per unit of weight; a query's weights must be multiplied by it as well.
        max_weight_error: the largest error of a weight (see :mod:`lexret.interop.impacts`).
        num_documents: documents written, including empty ones.
        num_empty: documents without words, which Anserini leaves out.
        num_postings: impacts written.
    """

    kind: str
    model_id: str
    vocabulary_fingerprint: str
    scale: float
    max_weight_error: float
    num_documents: int
    num_empty: int
    num_postings: int


def record_of(
    kind: str,
    index: EmbeddedIndex,
    *,
    scale: float,
    num_empty: int,
    num_postings: int,
) -> ExportRecord:
    """Return the record of an export of a whole index."""
    return ExportRecord(
        kind=kind,
        model_id=index.model_id,
        vocabulary_fingerprint=index.vocabulary.fingerprint,
        scale=scale,
        max_weight_error=max_error(scale),
        num_documents=len(index),
        num_empty=num_empty,
        num_postings=num_postings,
    )


def check_ids(vectors: CorrectedVectors) -> None:
    """Raise InputError if an id has bytes that are not UTF-8, which other engines cannot store."""
    for doc_id in vectors.doc_ids:
        if not doc_id.isascii():
            try:
                doc_id.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"The document id {doc_id!r} holds bytes that are not UTF-8, which other "
                    "engines cannot store. Rename the file and run `lexret index` again."
                ) from error


def write_side_files(folder: Path, vectors: CorrectedVectors, record: DataclassInstance) -> None:
    """Write ``words.tsv`` (term name, tab, word) and ``export.json``."""
    (folder / WORDS_FILE).write_bytes(words_as_bytes(vectors.vocabulary))
    (folder / RECORD_FILE).write_bytes(record_as_bytes(record))


def words_as_bytes(vocabulary: Vocabulary) -> bytes:
    """Return what ``words.tsv`` holds: each word after the name of its term."""
    words = enumerate(vocabulary.words)
    return "".join(f"{term_name(number)}\t{word}\n" for number, word in words).encode()


def record_as_bytes(record: DataclassInstance) -> bytes:
    """Return what ``export.json`` holds."""
    return (json.dumps(asdict(record), indent=1) + "\n").encode()


def read_words(folder: Path) -> Vocabulary:
    """Return the vocabulary that ``words.tsv`` holds.

    Raises:
        MissingError: if there is none.
        CorruptError: if the file is damaged.
    """
    path = folder / WORDS_FILE
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        pairs = [line.split("\t") for line in lines]
        if [name for name, _ in pairs] != [term_name(number) for number in range(len(pairs))]:
            raise ValueError("its terms are not numbered from t0 on")
        return Vocabulary([word for _, word in pairs])
    except FileNotFoundError as error:
        raise MissingError(f"The export lacks {path}.", path=path) from error
    except (OSError, ValueError) as error:
        raise CorruptError(f"{path} cannot be read: {error}.") from error


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give the folder to write an export to, which is at ``folder`` once it is whole.

    Raises:
        InputError: if there is one that is not empty.
        StorageError: if writing fails while the context is open; nothing is left then.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty; name a new folder for the export.")
        with whole_folder(folder) as fresh:
            yield fresh
    except OSError as error:
        raise StorageError(f"Could not write the export to {folder}: {error}.") from error
