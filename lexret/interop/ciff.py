"""Export of an index in the Common Index File Format, which PISA, Terrier, JASS and others read.

    OUT/index.ciff    a Header, then one PostingsList per word, then one DocRecord per document
    OUT/words.tsv     what the term t12 means
    OUT/export.json   scale, counts, model

The file is a sequence of protobuf messages, each after its length as a varint (Lin et al.,
"Supporting Interoperability Between Open-Source Search Engines with the Common Index File
Format", SIGIR 2020, section 3). A posting holds the gap to the document before it and an impact;
lists are in the order of their terms' bytes; a document's length is the sum of its impacts.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.vectors import CorrectedVectors
from lexret.errors import InputError
from lexret.interop.export_files import (
    ExportRecord,
    check_ids,
    new_folder,
    record_of,
    write_side_files,
)
from lexret.interop.impacts import DEFAULT_SCALE, Impacts, quantize, term_name
from lexret.sparse import IdArray

CIFF_FILE: Final = "index.ciff"
CIFF_VERSION: Final = 1
# Types of protobuf fields on the wire.
_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_VARINT_BYTES: Final = 5  # of numbers below 2^31
_INT32_MAX: Final = 2**31 - 1

Octets = npt.NDArray[np.uint8]


def export_ciff(
    index: EmbeddedIndex, folder: Path, *, scale: float = DEFAULT_SCALE
) -> ExportRecord:
    """Write all live documents of an index to a new folder.

    Raises:
        InputError: if the folder is not empty, an id is not UTF-8, the scale is too large, or the
            impacts of a document add up to more than the format can hold.
        StorageError: if writing fails.
    """
    vectors = CorrectedVectors(index)
    check_ids(vectors)
    lengths_N = np.zeros(len(vectors), dtype=np.int64)
    num_postings, num_lists = 0, 0
    for term_id in range(len(vectors.vocabulary)):
        docs, weights = vectors.postings(term_id)
        lengths_N[docs] += quantize(weights, scale=scale)
        num_postings += len(docs)
        num_lists += len(docs) > 0
    if len(vectors) and int(lengths_N.max()) > _INT32_MAX:
        raise InputError(
            f"The impacts of a document add up to {lengths_N.max()}; CIFF holds at most "
            f"{_INT32_MAX}. Choose a smaller scale than {scale:g}."
        )
    num_empty = int((lengths_N == 0).sum())
    record = record_of("ciff", index, scale=scale, num_empty=num_empty, num_postings=num_postings)
    with new_folder(folder) as fresh:
        with (fresh / CIFF_FILE).open("wb") as file:
            _write_delimited(file, _header(record, num_lists, lengths_N))
            for name, term_id in _by_name(len(vectors.vocabulary)):
                docs, weights = vectors.postings(term_id)
                if len(docs):
                    impacts = quantize(weights, scale=scale)
                    _write_delimited(file, _postings_list(name, docs, impacts))
            lengths = lengths_N.tolist()
            for number, doc_id in enumerate(vectors.doc_ids):
                _write_delimited(file, _doc_record(number, doc_id, lengths[number]))
        write_side_files(fresh, vectors, record)
    return record


def _by_name(num_words: int) -> list[tuple[str, int]]:
    return sorted((term_name(number), number) for number in range(num_words))


def _header(record: ExportRecord, num_lists: int, lengths_N: npt.NDArray[np.int64]) -> bytes:
    mean = float(lengths_N.mean()) if len(lengths_N) else 0.0
    about = f"lexret, model {record.model_id}, impacts at scale {record.scale:g}"
    return b"".join([
        _number(1, CIFF_VERSION),
        _number(2, num_lists),
        _number(3, record.num_documents),
        _number(4, num_lists),
        _number(5, record.num_documents),
        _number(6, int(lengths_N.sum())),
        varint(7 << 3 | _FIXED64) + struct.pack("<d", mean),
        _octets(8, about.encode()),
    ])  # fmt: skip


def _postings_list(name: str, docs: IdArray, impacts: Impacts) -> bytes:
    head = (
        _octets(1, name.encode()) + _number(2, len(docs)) + _number(3, int(impacts.sum(dtype="i8")))
    )
    return head + _postings(np.diff(docs, prepend=np.int32(0)), impacts)


def _postings(gaps: IdArray, impacts: Impacts) -> bytes:
    """Return the repeated field ``postings``, encoded for all postings at once."""
    gap_octets, gap_lengths = _varints(gaps)
    impact_octets, impact_lengths = _varints(impacts)
    size = 4 + 2 * _VARINT_BYTES
    octets = np.zeros((len(gaps), size), dtype=np.uint8)
    octets[:, 0] = 4 << 3 | _BYTES
    octets[:, 1] = 2 + gap_lengths + impact_lengths
    octets[:, 2] = 1 << 3 | _VARINT
    octets[:, 3 : 3 + _VARINT_BYTES] = gap_octets
    octets[:, 3 + _VARINT_BYTES] = 2 << 3 | _VARINT
    octets[:, 4 + _VARINT_BYTES :] = impact_octets
    places = np.arange(_VARINT_BYTES)
    used = np.ones(octets.shape, dtype=bool)
    used[:, 3 : 3 + _VARINT_BYTES] = places < gap_lengths[:, None]
    used[:, 4 + _VARINT_BYTES :] = places < impact_lengths[:, None]
    return octets[used].tobytes()


def _varints(numbers: npt.NDArray[np.int32]) -> tuple[Octets, npt.NDArray[np.int64]]:
    """Return numbers from 0 to 2^31 - 1 as (n, 5) varints and how many octets each takes."""
    shifted = numbers.astype(np.int64)[:, None] >> np.arange(0, 7 * _VARINT_BYTES, 7)
    lengths = np.maximum((shifted > 0).sum(axis=1), 1)
    more = np.arange(_VARINT_BYTES) < lengths[:, None] - 1
    return ((shifted & 0x7F) | (more * 0x80)).astype(np.uint8), lengths


def _doc_record(number: int, doc_id: str, length: int) -> bytes:
    return _number(1, number) + _octets(2, doc_id.encode()) + _number(3, length)


def varint(number: int) -> bytes:
    """Return a number from 0 up as a protobuf varint: 7 bits per octet, the lowest first."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _number(field: int, value: int) -> bytes:
    """Return a number field, which protobuf 3 omits if it is 0."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def _octets(field: int, value: bytes) -> bytes:
    return varint(field << 3 | _BYTES) + varint(len(value)) + value


def _write_delimited(file: BinaryIO, message: bytes) -> None:
    file.write(varint(len(message)))
    file.write(message)
