"""Encodes parts of a plan: reads their pictures, and writes their vectors, whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from lexret.encoders.protocol import Encoder, runtime_of
from lexret.errors import CorruptError, InputError, MismatchError, StorageError
from lexret.files.names import name_to_text, text_to_name
from lexret.files.text import parse_json
from lexret.files.whole import hidden_beside, sync_file, sync_folder
from lexret.interop.vector_tables import (
    FINGERPRINT,
    MODEL_ID,
    VectorRows,
    read_about,
    table_schema,
    write_rows,
)
from lexret.library.encoding.fields import FIELD_TYPES, columns_of
from lexret.library.encoding.plan import PICTURES_TOGETHER, EncodePlan
from lexret.library.encoding.sources import open_pictures
from lexret.library.updating.picture_batch import BATCH_BYTES
from lexret.library.updating.reader import Decoding, PictureFile, SkippedPicture, read_named
from lexret.library.updating.records import KnownPicture
from lexret.pictures.reading import FileState
from lexret.sparse import LexicalVector, SparseBatch

if TYPE_CHECKING:
    from PIL import Image

Advance = Callable[[int], None]
"""Called with how many pictures of a part were dealt with since the last call."""
LEFTOVER: Final = "lexret-new"
_BYTES_A_PIXEL: Final = 4


@dataclass(frozen=True)
class PartRecord:
    """What the file of a part says of it.

    Attributes:
        number: of the part.
        plan: identity of the plan that it is of.
        num_pictures: vectors that it holds.
        num_empty: those of them without a word.
        num_postings: weights that it holds.
        max_words: the most words of one picture.
        runtime: what computed the vectors.
        refused: pictures that could not be read.
    """

    number: int
    plan: str
    num_pictures: int
    num_empty: int
    num_postings: int
    max_words: int
    runtime: str
    refused: tuple[SkippedPicture, ...]

    def as_plain(self) -> str:
        """Return the record as JSON."""
        values = asdict(self)
        values["refused"] = [
            [name_to_text(s.path), s.reason, s.message, *(_state(s.state))] for s in self.refused
        ]
        return json.dumps(values)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read what the file of a part says.

        Raises:
            CorruptError: if it is damaged.
        """
        try:
            values = parse_json(read_about(path)[_PART])
            refused = tuple(
                SkippedPicture(text_to_name(name), reason, message, _as_state(size, mtime_ns))
                for name, reason, message, size, mtime_ns in values.pop("refused")
            )
            return cls(refused=refused, **values)
        except (KeyError, ValueError, TypeError) as error:
            raise CorruptError(
                f"{path} is damaged: {error}. Delete it and encode again."
            ) from error


_PART: Final = "part"


def _state(state: FileState | None) -> tuple[int | None, int | None]:
    return (None, None) if state is None else (state.size, state.mtime_ns)


def _as_state(size: int | None, mtime_ns: int | None) -> FileState | None:
    return None if size is None or mtime_ns is None else FileState(size, mtime_ns)


class PartEncoder:
    """Encoder of the parts of a plan. The model and the processes that decode outlive a part.

    Args:
        plan: of the parts.
        encoder: turns pictures into vectors.
        decoding: how pictures are decoded.
        threads: that read pictures at the same time.

    Raises:
        MismatchError: if the encoder is not the model that the plan names.
    """

    def __init__(
        self, plan: EncodePlan, encoder: Encoder[Image.Image], decoding: Decoding, threads: int
    ) -> None:
        model, vocabulary = plan.model, encoder.vocabulary
        if (encoder.model_id, vocabulary.fingerprint) != (model.model_id, model.fingerprint):
            raise MismatchError(
                f"The encoding in {plan.out} is of the model {model.model_id} ({model.num_words} "
                f"words), but this is {encoder.model_id} ({len(vocabulary)} words). Use that "
                "model, on every machine, or encode into a new folder."
            )
        self._plan, self._encoder, self._threads = plan, encoder, threads
        self._reader = decoding.reader()

    def close(self) -> None:
        """End the processes that decode."""
        self._reader.close()

    def encode(self, number: int, advance: Advance = lambda count: None) -> PartRecord:
        """Encode a part, unless that was done before.

        Raises:
            StorageError: if it cannot be written.
            LexretError: if its file of many pictures cannot be read, or the model is damaged.
        """
        path = self._plan.part_path(number)
        if path.exists():
            advance(self._plan.size_of(number))
            return PartRecord.of(path)
        contents = _Contents([], [], [])
        pictures = self._plan.pictures(number)
        files = read_named(
            self._reader,
            open_pictures(self._plan.sources, pictures),
            is_known=lambda sha256: False,
            threads=self._threads,
            ahead=PICTURES_TOGETHER,
        )
        for together in iter(lambda: list(islice(files, PICTURES_TOGETHER)), []):
            for group in _in_memory(together):
                self._encode_group(group, contents)
            advance(len(together))
        record = self._record(number, contents)
        self._write(path, record, contents)
        return record

    def _encode_group(self, files: Sequence[PictureFile | SkippedPicture], to: _Contents) -> None:
        """Encode pictures together; where the model rejects one of them, each for itself."""
        good = [file for file in files if isinstance(file, PictureFile)]
        to.refused += [file for file in files if isinstance(file, SkippedPicture)]
        try:
            vectors = self._vectors(good)
        except InputError as error:
            if len(good) > 1:
                for file in good:
                    self._encode_group([file], to)
                return
            message = f"{good[0].path} was rejected by the model: {error}"
            to.refused.append(SkippedPicture(good[0].path, "rejected by the model", message))
            return
        to.records += [_record_of(file) for file in good]
        to.vectors += vectors

    def _vectors(self, files: Sequence[PictureFile]) -> list[LexicalVector]:
        images = [file.picture.image for file in files if file.picture is not None]
        if not images:
            return []
        return list(self._encoder.encode(images, batch_size=PICTURES_TOGETHER))

    def _record(self, number: int, contents: _Contents) -> PartRecord:
        lengths = [len(vector) for vector in contents.vectors]
        return PartRecord(
            number,
            self._plan.identity,
            num_pictures=len(lengths),
            num_empty=lengths.count(0),
            num_postings=sum(lengths),
            max_words=max(lengths, default=0),
            runtime=(runtime_of(self._encoder) or "") if lengths else "",
            refused=tuple(contents.refused),
        )

    def _write(self, path: Path, record: PartRecord, contents: _Contents) -> None:
        """Write a part under a name of its own, and then give it its name.

        Two may write the same part, as where a machine was taken for dead that was not; what they
        write is the same, and the second replaces the first.
        """
        model = self._plan.model
        about = {
            MODEL_ID: model.model_id,
            FINGERPRINT: model.fingerprint,
            "precision": model.precision,
            _PART: record.as_plain(),
        }
        schema = table_schema(FIELD_TYPES, with_words=False, about=about)
        rows = VectorRows(
            [name_to_text(known.path) for known in contents.records],
            SparseBatch.from_vectors(contents.vectors, self._encoder.vocabulary),
            columns_of(contents.records),
        )
        fresh = hidden_beside(path, f"{secrets.token_hex(4)}.{LEFTOVER}")
        try:
            write_rows(fresh, rows, schema)
            sync_file(fresh)
            os.replace(fresh, path)
            sync_folder(path.parent)
        except OSError as error:
            raise cannot_write(self._plan.out, error) from error
        finally:
            with suppress(OSError):  # what stays is removed by the next run
                fresh.unlink(missing_ok=True)


@dataclass
class _Contents:
    """What a part holds so far."""

    records: list[KnownPicture]
    vectors: list[LexicalVector]
    refused: list[SkippedPicture]


def _in_memory(
    files: Sequence[PictureFile | SkippedPicture],
) -> Iterator[list[PictureFile | SkippedPicture]]:
    """Yield files in groups whose pictures take bounded memory, which follows from them alone."""
    group: list[PictureFile | SkippedPicture] = []
    num_bytes = 0
    for file in files:
        group.append(file)
        num_bytes += _size(file)
        if num_bytes >= BATCH_BYTES:
            yield group
            group, num_bytes = [], 0
    if group:
        yield group


def _size(file: PictureFile | SkippedPicture) -> int:
    if isinstance(file, SkippedPicture) or file.picture is None:
        return 0
    return _BYTES_A_PIXEL * file.picture.image.width * file.picture.image.height


def _record_of(file: PictureFile) -> KnownPicture:
    assert file.picture is not None
    return KnownPicture(
        file.path,
        file.size,
        file.mtime_ns,
        file.sha256,
        file.picture.width,
        file.picture.height,
        file.tags,
        file.sidecar_ns,
    )


def cannot_write(out: Path, error: OSError) -> StorageError:
    """Return the error of a folder that cannot be written."""
    return StorageError(
        f"Could not write to {out}: {error}. The parts that are done stay. Make room or check the "
        "permissions, then run the command again: it goes on from there."
    )
