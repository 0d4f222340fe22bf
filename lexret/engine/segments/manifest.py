"""Manifest: the one small file that says what an index holds; replacing it is a commit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.engine.postings.blocks import EIGHT_BITS, EXACT
from lexret.engine.postings.plain import RAW
from lexret.engine.store.sections import Section
from lexret.errors import CorruptError, MissingError
from lexret.files.whole import replace_file
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lexret.sparse import Precision

MANIFEST_FILE: Final = "manifest.json"
SEGMENTS_FOLDER: Final = "segments"
FORMAT_NAME: Final = "lexret-index"
FORMAT_VERSION: Final = 2
READABLE_VERSIONS: Final = (1, 2)
# How an index may store its weights -> the codec of its segments. Version 1 had ``raw-i4-f4``.
CODECS: Final = {"exact": EXACT, "8bit": EIGHT_BITS}
# What vectors may be computed in.
PRECISIONS: Final = ("float32", "bfloat16")


@dataclass(frozen=True)
class DeletionEntry:
    """Entry of a segment's deletions: a file with one bit per document, set if it is deleted."""

    file: str
    num_deleted: int
    bits: Section


@dataclass(frozen=True)
class SegmentEntry:
    """Entry of one immutable segment, the folder ``segments/<name>``.

    Attributes:
        codec: how postings are stored; see :data:`CODECS`.
        files: file name -> array name -> where the array is.
        columns: field name -> type (``int64``, ``float64`` or ``text``).
        weight_error: see :func:`lexret.engine.postings.weight_codes.largest_error`; 0 if weights
            are exact.
    """

    name: str
    codec: str
    num_documents: int
    num_postings: int
    columns: dict[str, str]
    files: dict[str, dict[str, Section]]
    deletions: DeletionEntry | None = None
    weight_error: float = 0.0

    @property
    def num_live(self) -> int:
        """Number of documents that are not deleted."""
        return self.num_documents - (self.deletions.num_deleted if self.deletions else 0)


@dataclass(frozen=True)
class Manifest:
    """Manifest of an index: what it holds.

    Attributes:
        generation: number of the commit, from 1.
        vocabulary_file: the words, one per line, in the folder of the manifest.
        vocabulary_fingerprint: see :attr:`lexret.vocabulary.Vocabulary.fingerprint`.
        model_id: identity of what made the vectors; an opaque text here.
        model_source: where to load that from, if known; opaque too.
        roots: folders that the documents come from, relative to the index folder; opaque too.
        columns: field name -> type, over all segments.
        weights: how new segments store weights: ``exact`` (float32) or ``8bit``.
        precision: what the vectors are computed in: ``float32``, which is meant if an old index
            does not say, or ``bfloat16``.
        runtimes: the programs that computed vectors, in the order in which they first did; opaque.
            Old indexes do not say.
    """

    generation: int
    vocabulary_file: str
    vocabulary_fingerprint: str
    num_words: int
    model_id: str
    model_source: str | None = None
    roots: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    segments: tuple[SegmentEntry, ...] = ()
    weights: str = "exact"
    precision: Precision = "float32"
    runtimes: tuple[str, ...] = ()

    @property
    def num_documents(self) -> int:
        """Number of live documents."""
        return sum(segment.num_live for segment in self.segments)

    def save(self, folder: Path) -> None:
        """Replace the manifest of an index atomically; this is the moment of a commit."""
        values = {"format": FORMAT_NAME, "version": FORMAT_VERSION, **asdict(self)}
        replace_file(folder / MANIFEST_FILE, (json.dumps(values, indent=1) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of the index at ``folder``.

        Raises:
            MissingError: if there is none.
            CorruptError: if it is damaged or of an unknown version.
        """
        path = folder / MANIFEST_FILE
        try:
            values = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingError(
                f"There is no index at {folder}; make one with `lexret index DIR`."
            ) from error
        except ValueError as error:
            raise CorruptError(f"{path} is damaged: {error}. {_REMEDY}") from error
        _check_version(values, path)
        try:
            return _parse(values)
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptError(f"{path} is damaged: {error!r} in its fields. {_REMEDY}") from error

    @classmethod
    def load_if_sound(cls, folder: Path) -> Manifest | None:
        """Read the manifest of an index, or return ``None`` if there is none or it is damaged."""
        try:
            return cls.load(folder)
        except (MissingError, CorruptError):
            return None

    def parse_vocabulary(self, data: bytes, path: Path) -> Vocabulary:
        """Parse the bytes of the vocabulary's file, and check them against the fingerprint.

        Raises:
            CorruptError: if the words are not those that were committed.
        """
        try:
            vocabulary = Vocabulary(data.decode("utf-8").splitlines())
        except ValueError as error:
            raise CorruptError(f"{path} is damaged: {error} {_REMEDY}") from error
        if vocabulary.fingerprint != self.vocabulary_fingerprint:
            raise CorruptError(
                f"{path} holds {len(vocabulary)} words ({vocabulary.fingerprint[:12]}), expected "
                f"{self.num_words} ({self.vocabulary_fingerprint[:12]}). {_REMEDY}"
            )
        return vocabulary


_REMEDY: Final = "Restore the file, or make the index anew with `lexret index DIR --rebuild`."


def missing_file(folder: Path, error: FileNotFoundError) -> CorruptError:
    """Return the error that a file named by the manifest is missing."""
    return CorruptError(f"{error.filename} is missing from the index at {folder}. {_REMEDY}")


def _check_version(values: Any, path: Path) -> None:
    if not isinstance(values, dict) or values.get("format") != FORMAT_NAME:
        raise CorruptError(f"{path} is not the manifest of a lexret index. {_REMEDY}")
    if values.get("version") not in READABLE_VERSIONS:
        raise CorruptError(
            f"{path} has format version {values.get('version')!r}; this lexret reads versions "
            f"{READABLE_VERSIONS}. Use the lexret that wrote it, or index again with --rebuild."
        )


def _parse(values: dict[str, Any]) -> Manifest:
    known = {field.name for field in fields(Manifest)}
    plain = {name: value for name, value in values.items() if name in known}
    plain["roots"] = tuple(plain["roots"])
    plain["runtimes"] = tuple(map(str, plain.get("runtimes", ())))
    plain["segments"] = tuple(_parse_segment(entry) for entry in plain["segments"])
    if plain.get("weights", "exact") not in CODECS:
        raise KeyError(f"weights {plain['weights']!r}")
    if plain.get("precision", "float32") not in PRECISIONS:
        raise KeyError(f"precision {plain['precision']!r}")
    return Manifest(**plain)


def _parse_segment(values: dict[str, Any]) -> SegmentEntry:
    files = {
        file: {name: Section(**section) for name, section in sections.items()}
        for file, sections in values["files"].items()
    }
    deletions = values["deletions"]
    if deletions is not None:
        deletions = DeletionEntry(**{**deletions, "bits": Section(**deletions["bits"])})
    entry = SegmentEntry(**{**values, "files": files, "deletions": deletions})
    if entry.codec not in (RAW, *CODECS.values()):
        raise KeyError(f"codec {entry.codec!r}")
    return entry
