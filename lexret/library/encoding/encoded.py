"""Encoded pictures: what `lexret encode` wrote to its end, read some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lexret.errors import CorruptError, MissingError
from lexret.files.names import text_to_name
from lexret.interop.export_files import WORDS_FILE, read_words
from lexret.interop.vector_tables import VectorRows, read_rows
from lexret.library.encoding.plan import EncodePlan, load_plan
from lexret.library.encoding.results import part_records, refused_pictures, runtimes_of
from lexret.library.updating.reader import SkippedPicture
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True)
class EncodedPictures:
    """Encoded pictures: the folder that ``lexret encode`` wrote to its end.

    Attributes:
        plan: what was encoded, and by which model.
        vocabulary: the words of the vectors.
        runtimes: the programs that computed the vectors.
        refused: pictures that could not be read.
    """

    plan: EncodePlan
    vocabulary: Vocabulary
    runtimes: tuple[str, ...]
    refused: tuple[SkippedPicture, ...]

    def rows(self) -> Iterator[EncodedRows]:
        """Yield the pictures, some at a time; see :func:`read_rows`."""
        is_packed = self.plan.sources.kind != "folders"
        for number in range(self.plan.num_parts):
            path = self.plan.part_path(number)
            planned = self.plan.pictures(number) if is_packed else ()
            places = {picture.doc_id: picture.place for picture in planned}
            try:
                for rows in read_rows(path, self.vocabulary):
                    ids = [text_to_name(doc_id) for doc_id in rows.ids]
                    yield EncodedRows(rows, ids, [places.get(doc_id) for doc_id in ids])
            except CorruptError as error:
                raise CorruptError(
                    f"{error} Delete {path.name} and give the same `lexret encode` again, which "
                    "makes that part anew."
                ) from error


@dataclass(frozen=True)
class EncodedRows:
    """Rows of encoded pictures.

    Attributes:
        table: what was encoded.
        names: ids of the pictures in what was encoded.
        places: where each lies in its tar shard or Parquet file; None for a file of its own.
    """

    table: VectorRows
    names: list[str]
    places: list[int | None]


def open_encoded(out: Path) -> EncodedPictures:
    """Open encoded pictures.

    Raises:
        MissingError: if there are none, or not all parts are done.
        CorruptError: if a part is damaged, or is of another plan.
    """
    plan = load_plan(out.resolve())
    num_done = sum(plan.part_path(number).exists() for number in range(plan.num_parts))
    if num_done < plan.num_parts:
        raise MissingError(
            f"{num_done} of the {plan.num_parts} parts in {out} are done; give the same `lexret "
            "encode` again, which goes on from there."
        )
    records = part_records(plan)
    try:
        vocabulary = read_words(plan.out)
    except MissingError as error:
        raise MissingError(
            f"All parts in {out} are done, but its words are not there; give the same `lexret "
            "encode` again, which writes them.",
            path=plan.out / WORDS_FILE,
        ) from error
    if vocabulary.fingerprint != plan.model.fingerprint:
        raise CorruptError(f"The words beside the parts in {out} are not those of its model.")
    return EncodedPictures(plan, vocabulary, runtimes_of(records), refused_pictures(plan, records))
