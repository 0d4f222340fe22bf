"""Manifest: the one small file that says what an index holds; replacing it is a commit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.engine.place import MANIFEST_FILE as MANIFEST_FILE
from lexret.engine.place import has_index, no_index_at
from lexret.engine.postings.blocks import EIGHT_BITS, EXACT
from lexret.engine.postings.plain import RAW
from lexret.engine.segments.typed import TypedObject, check_file_name
from lexret.engine.store.columns import NUMBER_TYPES, TEXT
from lexret.engine.store.sections import Section
from lexret.errors import CorruptError, DamageError, MissingError
from lexret.files.sealed import replace_with_copy, seal, unseal
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lexret.sparse import VectorPrecision

SEGMENTS_FOLDER: Final = "segments"
FORMAT_NAME: Final = "lexret-index"
FORMAT_VERSION: Final = 3
# Of an index whose vectors are elsewhere, so that a lexret that looks for them here refuses it.
ELSEWHERE_VERSION: Final = 4
READABLE_VERSIONS: Final = (1, 2, 3, ELSEWHERE_VERSION)
_FIRST_SEALED: Final = 3
# How an index may store its weights -> the codec of its segments. Version 1 had ``raw-i4-f4``.
CODECS: Final = {"exact": EXACT, "8bit": EIGHT_BITS}
# What vectors may be computed in.
PRECISIONS: Final[tuple[VectorPrecision, ...]] = ("float32", "bfloat16", "int8")
# What columns and arrays may consist of.
COLUMN_TYPES: Final = (*NUMBER_TYPES, TEXT)
ARRAY_TYPES: Final = ("|u1", "<u1", "<u4", "<i4", "<i8", "<f4", "<f8")


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
class BackendEntry:
    """Entry of the engine that holds the vectors of an index whose folder holds all the rest.

    Attributes:
        name: of the engine, such as ``milvus``.
        values: how to find them there; opaque here. No password is among them.
    """

    name: str
    values: dict[str, str]


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
        options: what was chosen for the documents; opaque too.
        runtimes: the programs that computed vectors, in the order in which they first did; opaque.
            Old indexes do not say.
        backend: what holds the vectors; ``None``: the segments do.
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
    precision: VectorPrecision = "float32"
    options: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    backend: BackendEntry | None = None

    @property
    def format_version(self) -> int:
        """The version of the format that this manifest is written in."""
        return FORMAT_VERSION if self.backend is None else ELSEWHERE_VERSION

    @property
    def num_documents(self) -> int:
        """Number of live documents."""
        return sum(segment.num_live for segment in self.segments)

    def save(self, folder: Path) -> None:
        """Replace the manifest of an index atomically; this is the moment of a commit.

        A copy follows, which `lexret repair` falls back on.

        Raises:
            OSError: if it cannot be written; the commit counts if the manifest was replaced.
        """
        values = {"format": FORMAT_NAME, "version": self.format_version, **asdict(self)}
        if self.backend is None:
            del values["backend"]
        replace_with_copy(folder / MANIFEST_FILE, seal(values))

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of the index at ``folder``.

        Raises:
            MissingError: if there is none, nor a copy of one.
            DamageError: if it is damaged, or its copy is all there is.
            CorruptError: if it is of an unknown version.
        """
        path = folder / MANIFEST_FILE
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            if has_index(folder):
                raise DamageError(path, "it is missing, but its copy is there") from error
            raise no_index_at(folder) from error
        except OSError as error:
            raise DamageError(path, f"it cannot be read ({error.strerror})") from error
        return cls.parse(data, path)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> Manifest:
        """Parse the bytes of a manifest's file; see :meth:`load` for what is raised."""
        try:
            values, is_sealed = unseal(data)
        except ValueError as error:
            raise DamageError(path, str(error)) from error
        _check_version(values, path)
        if not is_sealed and values["version"] >= _FIRST_SEALED:
            raise DamageError(path, "it does not end with its checksum")
        try:
            return _parse(TypedObject(values, "the manifest"))
        except ValueError as error:
            raise DamageError(path, str(error)) from error

    @classmethod
    def load_if_sound(cls, folder: Path) -> Manifest | None:
        """Read the manifest of an index, or return ``None`` if there is none or it is damaged."""
        try:
            return cls.load(folder)
        except (MissingError, CorruptError):
            return None

    def read_vocabulary(self, folder: Path) -> bytes:
        """Read the bytes of the vocabulary's file.

        Raises:
            DamageError: if it cannot be read.
            FileNotFoundError: if it is missing.
        """
        path = folder / self.vocabulary_file
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamageError(path, f"it cannot be read ({error.strerror})") from error

    def parse_vocabulary(self, data: bytes, path: Path) -> Vocabulary:
        """Parse the bytes of the vocabulary's file, and check them against the fingerprint.

        Raises:
            CorruptError: if the words are not those that were committed.
        """
        try:
            vocabulary = Vocabulary(data.decode("utf-8").splitlines())
        except ValueError as error:
            raise DamageError(path, str(error).rstrip(".")) from error
        if vocabulary.fingerprint != self.vocabulary_fingerprint:
            raise DamageError(
                path,
                f"it holds {len(vocabulary)} words ({vocabulary.fingerprint[:12]}), expected "
                f"{self.num_words} ({self.vocabulary_fingerprint[:12]})",
            )
        return vocabulary


def missing_file(folder: Path, error: FileNotFoundError) -> DamageError:
    """Return the error that a file named by the manifest is missing."""
    return DamageError(Path(error.filename), "it is missing")


def _check_version(values: Any, path: Path) -> None:
    if not isinstance(values, dict) or values.get("format") != FORMAT_NAME:
        raise DamageError(path, "it is not the manifest of a lexret index")
    if values.get("version") not in READABLE_VERSIONS:
        raise CorruptError(
            f"{path} has format version {values.get('version')!r}; this lexret reads versions "
            f"{READABLE_VERSIONS}. Use the lexret that wrote it, or index again with --rebuild."
        )


def _parse(values: TypedObject) -> Manifest:
    return Manifest(
        generation=values.number("generation"),
        vocabulary_file=values.file_name("vocabulary_file"),
        vocabulary_fingerprint=values.text("vocabulary_fingerprint"),
        num_words=values.number("num_words", least=1),
        model_id=values.text("model_id"),
        model_source=values.optional_text("model_source"),
        roots=tuple(values.texts("roots")),
        columns=_parse_columns(values.object("columns")),
        segments=tuple(map(_parse_segment, values.objects("segments"))),
        weights=values.one_of("weights", tuple(CODECS)) if "weights" in values else "exact",
        precision=_parse_precision(values),
        options=tuple(values.texts("options")) if "options" in values else (),
        runtimes=tuple(values.texts("runtimes")) if "runtimes" in values else (),
        backend=_parse_backend(values.object("backend")) if "backend" in values else None,
    )


def _parse_backend(values: TypedObject) -> BackendEntry:
    told = values.object("values")
    return BackendEntry(values.text("name"), {name: told.text(name) for name in told.names()})


def _parse_precision(values: TypedObject) -> VectorPrecision:
    if "precision" not in values:
        return "float32"
    named = values.one_of("precision", PRECISIONS)
    return next(precision for precision in PRECISIONS if precision == named)


def _parse_columns(values: TypedObject) -> dict[str, str]:
    return {name: values.one_of(name, COLUMN_TYPES) for name in values.names()}


def _parse_segment(values: TypedObject) -> SegmentEntry:
    files = values.object("files")
    for file in files.names():
        check_file_name(file, "a file of a segment")
    deletions = None
    if not values.is_null("deletions"):
        stored = values.object("deletions")
        deletions = DeletionEntry(
            stored.file_name("file"),
            stored.number("num_deleted"),
            _parse_section(stored.object("bits")),
        )
    return SegmentEntry(
        name=values.file_name("name"),
        codec=values.one_of("codec", (RAW, *CODECS.values())),
        num_documents=values.number("num_documents"),
        num_postings=values.number("num_postings"),
        columns=_parse_columns(values.object("columns")),
        files={file: _parse_sections(files.object(file)) for file in files.names()},
        deletions=deletions,
        weight_error=values.real("weight_error") if "weight_error" in values else 0.0,
    )


def _parse_sections(values: TypedObject) -> dict[str, Section]:
    return {name: _parse_section(values.object(name)) for name in values.names()}


def _parse_section(values: TypedObject) -> Section:
    return Section(
        values.one_of("dtype", ARRAY_TYPES),
        values.number("offset"),
        values.number("count"),
        values.number("crc32"),
    )
