"""What stands beside the parts of an encoding that is done: counts, words, refused pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from lexret.errors import CorruptError
from lexret.files.names import name_to_text
from lexret.files.whole import replace_file
from lexret.interop.export_files import RECORD_FILE, WORDS_FILE, record_as_bytes, words_as_bytes
from lexret.interop.sparse_files import SparseExport
from lexret.library.encoding.fields import FIELD_TYPES
from lexret.library.encoding.parts import PartRecord, cannot_write
from lexret.library.encoding.plan import EncodePlan
from lexret.library.updating.reader import SkippedPicture
from lexret.vocabulary import Vocabulary

REFUSED_FILE: Final = "refused.jsonl"


def part_records(plan: EncodePlan) -> list[PartRecord]:
    """Return what the files of all parts say of them.

    Raises:
        CorruptError: if one is missing or damaged, or is another part or of another plan.
    """
    return [_read(plan, number) for number in range(plan.num_parts)]


def _read(plan: EncodePlan, number: int) -> PartRecord:
    """Return what the file of a part says of it.

    Raises:
        CorruptError: if it is missing or damaged, or is another part or of another plan.
    """
    path = plan.part_path(number)
    if not path.exists():
        raise CorruptError(f"{path} is missing; run the same `lexret encode` again to make it.")
    record = PartRecord.of(path)
    if (record.number, record.plan) != (number, plan.identity):
        raise CorruptError(
            f"{path} is not part {number} of this encoding. Delete it, and run the same `lexret "
            "encode` again to make it."
        )
    return record


def runtimes_of(records: Sequence[PartRecord]) -> tuple[str, ...]:
    """Return the programs that computed the vectors of parts."""
    return tuple(dict.fromkeys(record.runtime for record in records if record.runtime))


def _refused_as_bytes(refused: Sequence[SkippedPicture]) -> bytes:
    lines = [
        json.dumps({"path": name_to_text(s.path), "reason": s.reason, "message": s.message})
        for s in refused
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def refused_pictures(plan: EncodePlan, records: Sequence[PartRecord]) -> tuple[SkippedPicture, ...]:
    """Return what could not be encoded, in the order of the plan."""
    return (*plan.skipped, *(skipped for record in records for skipped in record.refused))


def write_results(plan: EncodePlan, records: Sequence[PartRecord], vocabulary: Vocabulary) -> None:
    """Write what readers need beside the parts; the record, which they ask for first, last.

    Raises:
        StorageError: if it cannot be written.
    """
    files = {
        REFUSED_FILE: _refused_as_bytes(refused_pictures(plan, records)),
        WORDS_FILE: words_as_bytes(vocabulary),
        RECORD_FILE: record_as_bytes(_export(plan, records)),
    }
    try:
        for name, data in files.items():
            path = plan.out / name
            if not path.exists() or path.read_bytes() != data:
                replace_file(path, data)
    except OSError as error:
        raise cannot_write(plan.out, error) from error


def _export(plan: EncodePlan, records: Sequence[PartRecord]) -> SparseExport:
    return SparseExport(
        kind="parquet",
        model_id=plan.model.model_id,
        vocabulary_fingerprint=plan.model.fingerprint,
        num_words=plan.model.num_words,
        num_documents=sum(record.num_pictures for record in records),
        num_empty=sum(record.num_empty for record in records),
        num_postings=sum(record.num_postings for record in records),
        max_words=max((record.max_words for record in records), default=0),
        fields=FIELD_TYPES,
    )
